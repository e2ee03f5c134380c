package source

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// changesOf makes updates without documents of documents in a collection.
func (f fixture) changesOf(t *testing.T, collection string, ids ...any) []*goatee.Change {
	t.Helper()
	at, err := clusterTime(t.Context(), f.db.Client())
	require.NoError(t, err)
	var all []*goatee.Change
	for _, id := range ids {
		all = append(all, &goatee.Change{
			Op: goatee.OpUpdate, Namespace: goatee.Namespace{Database: f.db.Name(), Collection: collection},
			ID: mustRaw(t, d("_id", id)).Lookup("_id"), ClusterTime: at,
		})
	}
	return all
}

func TestFetchFindsEveryID(t *testing.T) {
	f := setup(t)
	var docs []any
	for i, id := range mixedIDs() {
		docs = append(docs, d("_id", id, "n", i))
	}
	f.insert(t, "c", docs...)
	f.insert(t, "other", d("_id", int32(1), "n", -1))
	stream, _ := f.stream(t, "")
	changes := f.changesOf(t, "c", mixedIDs()...)
	for i, c := range changes {
		// ObjectIDs are new in each call.
		c.ID = mustRaw(t, docs[i]).Lookup("_id")
	}
	odd := f.changesOf(t, "c", int32(1), "gone", int32(1), "1", primitive.Regex{Pattern: "^s"}, 3.0)
	elsewhere := f.changesOf(t, "other", int32(1), int32(2))
	all := append(append(changes, odd...), elsewhere...)
	rest, err := stream.Fetch(t.Context(), all, failsNever(t))
	require.NoError(t, err)
	require.Empty(t, rest)

	for i, c := range changes {
		require.False(t, c.Document.IsZero(), "%v", c.ID)
		require.EqualValues(t, i, c.Document.Lookup("n").Int32(), "%v", c.ID)
	}
	one := byInt(t, changes, 1)
	require.Equal(t, one.Document, odd[0].Document)
	require.True(t, odd[1].Document.IsZero(), "a document that is gone")
	require.Equal(t, one.Document, odd[2].Document, "a second change of the same document")
	require.True(t, odd[3].Document.IsZero(), `"1" is not 1`)
	require.True(t, odd[4].Document.IsZero(), "a regular expression is a value here")
	require.Equal(t, byInt(t, changes, 3).Document, odd[5].Document, "3.0 and 3 are one document")
	require.EqualValues(t, -1, elsewhere[0].Document.Lookup("n").Int32())
	require.True(t, elsewhere[1].Document.IsZero())
}

func failsNever(t *testing.T) func(*goatee.Change, error) {
	return func(c *goatee.Change, err error) { require.NoError(t, err, "%v", c.ID) }
}

func byInt(t *testing.T, changes []*goatee.Change, n int32) *goatee.Change {
	t.Helper()
	for _, c := range changes {
		if v, ok := c.ID.Int32OK(); ok && v == n {
			return c
		}
	}
	require.FailNow(t, "no such id")
	return nil
}

func mustRaw(t *testing.T, doc any) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(doc)
	require.NoError(t, err)
	return raw
}

// TestFetchIsBounded asks for more than a reply holds: each call brings some from the front, and all come in the end.
func TestFetchIsBounded(t *testing.T) {
	f := setup(t)
	var ids []any
	for i := range 12 {
		ids = append(ids, int32(11-i))
		f.insert(t, "c", d("_id", int32(i), "text", strings.Repeat("x", 5<<20)))
	}
	stream, _ := f.stream(t, f.db.Name())
	changes := f.changesOf(t, "c", ids...)
	rest, calls := changes, 0
	for len(rest) > 0 {
		before := len(rest)
		var err error
		rest, err = stream.Fetch(t.Context(), rest, failsNever(t))
		require.NoError(t, err)
		require.Less(t, len(rest), before)
		for _, c := range changes[:len(changes)-len(rest)] {
			require.False(t, c.Document.IsZero(), "from the front")
		}
		calls++
	}
	require.GreaterOrEqual(t, calls, 3)
}

func TestFetchEndsWithItsContext(t *testing.T) {
	f := setup(t)
	stream, _ := f.stream(t, f.db.Name())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := stream.Fetch(ctx, f.changesOf(t, "c", 1), failsNever(t))
	require.ErrorIs(t, err, context.Canceled)
}

// TestFetchReadsItsOwnChange: a document that is looked up is never older than the event.
func TestFetchReadsItsOwnChange(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1, "v", int32(0)))
	stream, from := f.stream(t, f.db.Name()+".c")
	got, _ := run(t, stream, from)
	for i := range 20 {
		f.update(t, "c", 1, d("$set", d("v", int32(i+1))))
		got.eventually(t, func() bool { return updates(got) == i+1 }, "update %d", i)
		all := got.changes()
		c := &all[len(all)-1]
		_, err := stream.Fetch(t.Context(), []*goatee.Change{c}, failsNever(t))
		require.NoError(t, err)
		require.GreaterOrEqual(t, c.Document.Lookup("v").Int32(), int32(i+1))
	}
}

func updates(r *recorder) int {
	n := 0
	for _, c := range r.changes() {
		if c.Op == goatee.OpUpdate {
			n++
		}
	}
	return n
}
