package goateetest_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/sink"
)

func collector(batches *[]*goatee.Batch) goatee.EmitFunc {
	return func(_ context.Context, b *goatee.Batch) error {
		*batches = append(*batches, b)
		return nil
	}
}

// everything sets every field of an action that is written.
var everything = goatee.TransformFunc(func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	out := append([]goatee.Action(nil), actions...)
	if !c.Op.HasDocument() {
		return out, nil
	}
	decoded, err := goatee.DocumentOf(bson.M{"b": 2.0, "a": "x\n"})
	return append(out,
		goatee.Action{Change: c, Index: "other", ID: "my \"id\"", Routing: "r", Pipeline: "p", Version: 7, Document: decoded},
		goatee.Action{Change: c, Kind: goatee.ActionUpdate, RetryOnConflict: 3},
		goatee.Action{Change: c, Kind: goatee.ActionCreate, Pipeline: "p"},
		goatee.Action{Change: c, VersionType: goatee.VersionInternal},
		goatee.Action{Change: c, Kind: goatee.ActionDelete, Routing: "r", VersionType: goatee.VersionExternal},
	), err
})

func samples() []*goatee.Change {
	return []*goatee.Change{
		goateetest.Insert("Shop.Orders", `{"_id": {"$oid": "5f5f5f5f5f5f5f5f5f5f5f5f"}, "n": {"$numberDouble": "30.0"}, "l": [1, null]}`),
		goateetest.Replace("shop.orders", bson.M{"_id": "a", "s": "text"}),
		goateetest.Delete("shop.orders", 7),
	}
}

func TestActionsAreWhatTheSinkWrites(t *testing.T) {
	es := goateetest.NewElasticsearch()
	bulk, err := sink.NewBulk(es)
	require.NoError(t, err)
	for _, c := range samples() {
		items, err := goateetest.Run(t.Context(), everything, c)
		require.NoError(t, err)
		for _, a := range items[0].Actions {
			require.NoError(t, bulk.Write(t.Context(), []goatee.Action{a}))
		}
	}
	var sent strings.Builder
	for _, r := range es.Bulks() {
		sent.WriteString(r.Body)
	}
	require.Equal(t, sent.String(), goateetest.Actions(t, everything, samples()...))
}

func TestErrorsOfTheTransformerAreReported(t *testing.T) {
	c := goateetest.Insert("shop.orders", `{"_id": 1}`)
	cause := errors.New("cause")
	for name, test := range map[string]struct {
		tr   goatee.TransformFunc
		want error
	}{
		"error": {func(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) { return nil, cause }, cause},
		"panic": {func(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) { panic("x") }, goatee.ErrPanic},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := goateetest.NDJSON(test.tr, c)
			require.ErrorIs(t, err, test.want)
		})
	}
	unwritable := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
		d, err := goatee.DocumentOf(bson.M{"n": math.Inf(1)})
		a[0].Document = d
		return a, err
	})
	_, err := goateetest.NDJSON(unwritable, c)
	require.ErrorContains(t, err, "no JSON form")
}

func TestChangesAreNotTouched(t *testing.T) {
	c := goateetest.Insert("shop.orders", `{"_id": 1, "a": 1}`)
	edit := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
		m, err := a[0].Body().Map()
		m["a"] = 2
		return a, err
	})
	require.Contains(t, goateetest.Actions(t, edit, c), `{"a":2}`)
	require.Contains(t, goateetest.Actions(t, nil, c), `{"a":1}`)
	m, err := c.Document.Map()
	require.NoError(t, err)
	m["a"] = 3
	require.Contains(t, goateetest.Actions(t, nil, c), `{"a":3}`, "the change is the test's own, and can still be edited")
}

// recorded is a testing.TB that notes failures.
type recorded struct {
	testing.TB
	failed atomic.Bool
}

func (r *recorded) Helper()               {}
func (r *recorded) Errorf(string, ...any) { r.failed.Store(true) }
func (r *recorded) Fatalf(string, ...any) { r.failed.Store(true) }

func TestDeterministicFindsWhatIsNot(t *testing.T) {
	goateetest.Deterministic(t, everything, samples()...)
	r := &recorded{TB: t}
	var n atomic.Int32
	goateetest.Deterministic(r, goatee.TransformFunc(func(_ context.Context, _ *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
		a[0].Routing = strings.Repeat("x", int(n.Add(1)))
		return a, nil
	}), samples()...)
	require.True(t, r.failed.Load())
}

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "golden.ndjson")
	t.Setenv("GOATEE_UPDATE", "1")
	goateetest.Golden(t, path, "text\n")
	t.Setenv("GOATEE_UPDATE", "")
	goateetest.Golden(t, path, "text\n")
	r := &recorded{TB: t}
	goateetest.Golden(r, path, "other\n")
	require.True(t, r.failed.Load())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "text\n", string(b))
}

func TestCollectionsAnswerWhatTransformersAsk(t *testing.T) {
	c := goateetest.NewCollections()
	c.Put("shop.items", `{"_id": 1, "tags": ["a", "b"], "s": {"k": 1}}`, `{"_id": 2, "tags": ["b"], "n": 5}`)
	c.Put("shop.items", `{"_id": 1, "tags": ["a"], "s": {"k": 1}}`)
	ids := func(filter, projection bson.D) (out []string) {
		ns := goatee.Namespace{Database: "shop", Collection: "items"}
		for d, err := range c.Find(t.Context(), ns, filter, projection) {
			require.NoError(t, err)
			out = append(out, d.String())
		}
		return out
	}
	idOnly := bson.D{{Key: "_id", Value: 1}}
	one, two := `{"_id": {"$numberInt":"1"}}`, `{"_id": {"$numberInt":"2"}}`
	in := func(path string, v ...any) bson.D {
		return bson.D{{Key: path, Value: bson.D{{Key: "$in", Value: v}}}}
	}
	require.Equal(t, []string{two, one}, ids(in("_id", 1, 2.0), bson.D{{Key: "_id", Value: 1}, {Key: "x", Value: 1}}))
	require.Equal(t, []string{two}, ids(in("tags", "b"), bson.D{{Key: "x", Value: 1}}))
	require.Equal(t, []string{one}, ids(in("s.k", int64(1)), bson.D{{Key: "x", Value: 1}}))
	require.Equal(t, []string{one}, ids(in("s", bson.D{{Key: "k", Value: 1}}), bson.D{{Key: "x", Value: 1}}))
	require.Len(t, ids(bson.D{}, idOnly), 2)
	c.Remove("shop.items", 1)
	require.Len(t, ids(bson.D{}, nil), 1)
	require.Equal(t, 6, c.Queries())
}
