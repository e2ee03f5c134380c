package sink

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// null acknowledges everything at the cheapest.
type null struct{}

func (null) Perform(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(`{"errors":false,"items":[]}`)),
	}, r.Body.Close()
}

// untouched are actions as the engine makes them when no transformer does anything.
func untouched(tb testing.TB, n int) []goatee.Action {
	actions := make([]goatee.Action, n)
	for i := range actions {
		id := primitive.NewObjectID()
		raw, err := bson.Marshal(bson.D{
			{Key: "_id", Value: id}, {Key: "customer", Value: "Ada Lovelace"}, {Key: "total", Value: 12.5},
			{Key: "when", Value: primitive.DateTime(1_600_000_000_000)},
			{Key: "items", Value: bson.A{bson.D{{Key: "sku", Value: "x-1"}, {Key: "n", Value: int32(2)}}}},
			{Key: "note", Value: strings.Repeat("lorem ipsum ", 60)},
		})
		require.NoError(tb, err)
		actions[i].Change = &goatee.Change{
			Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "shop", Collection: "Orders"},
			ID: bson.Raw(raw).Lookup("_id"), ClusterTime: primitive.Timestamp{T: 1, I: uint32(i)},
			Document: goatee.NewDocument(raw),
		}
	}
	return actions
}

func TestUntouchedActionsAllocateNothing(t *testing.T) {
	b, err := NewBulk(null{})
	require.NoError(t, err)
	actions := untouched(t, 1000)
	ctx := t.Context()
	write := func() {
		if err := b.Write(ctx, actions); err != nil {
			t.Fatal(err)
		}
	}
	write()
	perAction := testing.AllocsPerRun(20, write) / float64(len(actions))
	require.Less(t, perAction, 0.1)
}

func BenchmarkWrite(b *testing.B) {
	for name, opts := range map[string][]Option{"plain": nil, "gzip": {WithGzip(true)}} {
		b.Run(name, func(b *testing.B) {
			bulk, err := NewBulk(null{}, opts...)
			require.NoError(b, err)
			actions := untouched(b, 1000)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if err := bulk.Write(ctx, actions); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(actions)), "ns/action")
		})
	}
}
