package sink_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// A dry run prints what the bulk sink sends: the same bytes.
func TestADryRunPrintsWhatBulkSends(t *testing.T) {
	actions := []goatee.Action{
		index("a", 1, bson.M{"price": 30.0}),
		{Change: index("b", 2, bson.M{"n": 1}).Change, Kind: goatee.ActionUpdate, RetryOnConflict: 2},
		{Change: goateetest.Delete("shop.orders", "c"), Kind: goatee.ActionDelete, Routing: "r"},
	}
	es := fakees.New()
	require.NoError(t, newBulk(t, es, sink.WithShortDoubles(true)).Write(t.Context(), actions))

	var out bytes.Buffer
	dry, err := sink.NewDryRun(&out, sink.WithShortDoubles(true))
	require.NoError(t, err)
	require.NoError(t, dry.Write(t.Context(), actions))

	require.Len(t, es.Bulks(), 1)
	require.Equal(t, es.Bulks()[0].Body, out.String())
	require.Contains(t, out.String(), `{"price":30}`)
	target, err := dry.Target(&actions[2])
	require.NoError(t, err)
	require.Equal(t, goatee.Target{Index: "shop.orders", ID: "c", Routing: "r"}, target)
}

func TestADryRunNamesWhatWouldBeRefused(t *testing.T) {
	for words, bad := range unsendable() {
		t.Run(words, func(t *testing.T) {
			var out bytes.Buffer
			dry, err := sink.NewDryRun(&out)
			require.NoError(t, err)
			err = dry.Write(t.Context(), []goatee.Action{index("before", 1, bson.M{}), bad, index("after", 1, bson.M{})})
			failed, rest := goatee.SplitBatchError(err)
			require.NoError(t, rest)
			require.Len(t, failed, 1)
			require.Equal(t, 1, failed[0].Ordinal)
			require.Equal(t, 4, bytes.Count(out.Bytes(), []byte("\n")), "the others are printed: %s", out.String())
		})
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestADryRunReportsThatItCannotWrite(t *testing.T) {
	dry, err := sink.NewDryRun(brokenPipe{})
	require.NoError(t, err)
	err = dry.Write(t.Context(), []goatee.Action{index("a", 1, bson.M{})})
	require.ErrorContains(t, err, "broken pipe")
	_, err = sink.NewDryRun(nil)
	require.ErrorContains(t, err, "the writer is nil")
}

// Given to goatee.New instead of a Bulk, it shows what a whole pipeline would write.
func ExampleNewDryRun() {
	dry, err := sink.NewDryRun(os.Stdout)
	if err != nil {
		panic(err)
	}
	change := goateetest.Insert("shop.orders", `{"_id": 7, "total": 12.5}`)
	_ = dry.Write(context.Background(), []goatee.Action{{Change: change, Version: 3}})
	// Output:
	// {"index":{"_index":"shop.orders","_id":"7","version":3,"version_type":"external_gte"}}
	// {"total":12.5}
}
