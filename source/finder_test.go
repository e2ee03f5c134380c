package source

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

func (f fixture) finder(t *testing.T, opts ...Option) *Finder {
	t.Helper()
	finder, err := NewFinder(f.client, opts...)
	require.NoError(t, err)
	return finder
}

func (f fixture) namespace(collection string) goatee.Namespace {
	return goatee.Namespace{Database: f.db.Name(), Collection: collection}
}

// find returns the documents that match as extended JSON, in order.
func find(t *testing.T, f *Finder, ns goatee.Namespace, filter, projection bson.D) []string {
	t.Helper()
	all := []string{}
	for doc, err := range f.Find(t.Context(), ns, filter, projection) {
		require.NoError(t, err)
		all = append(all, doc.String())
	}
	slices.Sort(all)
	return all
}

func TestFinderFinds(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", "a", "n", int32(1), "x", true), d("_id", "b", "n", int32(2)), d("_id", "c", "n", int32(2)))
	require.NoError(t, f.db.CreateView(t.Context(), "twos", "c", mongo.Pipeline{d("$match", d("n", 2))}))
	finder := f.finder(t)
	a, b, c := `{"_id": "a","n": {"$numberInt":"1"},"x": true}`, `{"_id": "b","n": {"$numberInt":"2"}}`, `{"_id": "c","n": {"$numberInt":"2"}}`
	for name, test := range map[string]struct {
		collection         string
		filter, projection bson.D
		want               []string
	}{
		"everything":            {"c", nil, nil, []string{a, b, c}},
		"by a filter":           {"c", d("_id", d("$in", bson.A{"a", "c", "z"})), nil, []string{a, c}},
		"with a projection":     {"c", d("n", 1), d("x", 1), []string{`{"_id": "a","x": true}`}},
		"in a view":             {"twos", d("_id", "b"), nil, []string{b}},
		"nothing":               {"c", d("n", 3), nil, []string{}},
		"in no such collection": {"none", nil, nil, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, find(t, finder, f.namespace(test.collection), test.filter, test.projection))
		})
	}
}

func TestFinderReadsWhatWasJustWritten(t *testing.T) {
	f := setup(t)
	finder := f.finder(t)
	for i := range 50 {
		f.insert(t, "c", d("_id", i))
		require.Len(t, find(t, finder, f.namespace("c"), d("_id", i), nil), 1)
	}
}

// TestFinderReadsInBoundedReplies: many small documents first, so that a guess from them would be wrong for the others.
func TestFinderReadsInBoundedReplies(t *testing.T) {
	f := setup(t)
	var docs []any
	for i := range 3000 {
		docs = append(docs, d("_id", i))
	}
	f.insert(t, "c", docs...)
	for i := range 12 {
		f.insert(t, "c", d("_id", 10_000+i, "text", strings.Repeat("x", 3<<20)))
	}
	found := map[string]int{}
	for doc, err := range f.finder(t).Find(t.Context(), f.namespace("c"), nil, nil) {
		require.NoError(t, err)
		found[doc.Lookup("_id").String()] = len(doc)
	}
	require.Len(t, found, 3012)
	require.Greater(t, found[`{"$numberInt":"10011"}`], 3<<20)
}

func TestFinderStopsWhenItsReaderDoes(t *testing.T) {
	f := setup(t)
	var docs []any
	for i := range 5000 {
		docs = append(docs, d("_id", i))
	}
	f.insert(t, "c", docs...)
	finder := f.finder(t)
	for want := range 3 {
		n := 0
		for _, err := range finder.Find(t.Context(), f.namespace("c"), nil, nil) {
			require.NoError(t, err)
			if n == want {
				break
			}
			n++
		}
		require.Equal(t, want, n)
	}
	require.Eventually(t, func() bool { return f.openCursors(t) == 0 }, patience, 10*time.Millisecond, "no cursor is left open")
}

// openCursors returns how many idle cursors there are in the fixture's database.
func (f fixture) openCursors(t *testing.T) int {
	cursor, err := f.client.Database("admin").Aggregate(t.Context(), mongo.Pipeline{
		d("$currentOp", d("idleCursors", true, "allUsers", true)),
		d("$match", d("type", "idleCursor", "ns", d("$regex", "^"+f.db.Name()+"\\."))),
	})
	require.NoError(t, err)
	var all []bson.M
	require.NoError(t, cursor.All(t.Context(), &all))
	return len(all)
}

// TestFinderErrorsThatDoNotPass are yielded once, as the last thing.
func TestFinderErrorsThatDoNotPass(t *testing.T) {
	f := setup(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		filter bson.D
		want   string
	}{
		"an operator that does not exist": {t.Context(), d("a", d("$nope", 1)), "unknown operator: $nope"},
		"a context that has ended":        {ended, nil, context.Canceled.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			var errs []error
			for doc, err := range f.finder(t).Find(test.ctx, f.namespace("c"), test.filter, nil) {
				require.Nil(t, doc)
				errs = append(errs, err)
			}
			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], test.want)
			require.ErrorContains(t, errs[0], f.db.Name()+".c")
		})
	}
}

func TestFinderSurvives(t *testing.T) {
	f := withFailPoints(t)
	var docs []any
	for i := range 2000 {
		docs = append(docs, d("_id", i))
	}
	f.insert(t, "c", docs...)
	for name, failure := range failures() {
		for _, command := range []string{"ping", "find", "getMore"} {
			t.Run(fmt.Sprintf("%s in %s", name, command), func(t *testing.T) {
				reader := f.named(t, "reader")
				var states states
				finder := reader.finder(t, states.option())
				f.fail(t, "reader", 2, append([]any{"failCommands", bson.A{command}}, failure...)...)
				found := find(t, finder, f.namespace("c"), nil, nil)
				require.Len(t, slices.Compact(found), 2000)
				require.Len(t, states.list(), 2, "down and up")
			})
		}
	}
}
