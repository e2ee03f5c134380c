package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// awaitFollowing waits until changes of the collections arrive in Elasticsearch. It leaves no document behind in either.
func (s *stack) awaitFollowing(t testing.TB, collections ...string) {
	t.Helper()
	for _, name := range collections {
		s.awaitChange(t, name)
		_, err := s.db.Collection(name).DeleteOne(t.Context(), byID("probe"))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return !s.es.has(s.index(name), "probe", "") }, patience, tick)
	}
}

// awaitChange changes a document until the change arrives: what happens before the stream is open is not followed.
func (s *stack) awaitChange(t testing.TB, collection string) {
	t.Helper()
	call := primitive.NewObjectID().Hex() // so that what an earlier call wrote does not count
	n := 0
	require.Eventually(t, func() bool {
		n++
		_, err := s.db.Collection(collection).UpdateOne(t.Context(), byID("probe"),
			bson.D{{Key: "$set", Value: bson.D{{Key: "call", Value: call}, {Key: "n", Value: int32(n)}}}},
			options.Update().SetUpsert(true))
		return err == nil && s.es.has(s.index(collection), "probe", call)
	}, patience, tick, "changes of %s do not arrive", collection)
}

// index returns the name of a collection's index.
func (s *stack) index(collection string) string {
	return strings.ToLower(s.db.Name() + "." + collection)
}

// insertMany inserts n documents with the ids from, from+1, … in batches.
func (s *stack) insertMany(t testing.TB, collection string, from, n int, fields func(i int) bson.D) {
	t.Helper()
	const batch = 1000
	docs := make([]any, 0, batch)
	for i := from; i < from+n; i++ {
		docs = append(docs, withID(fmt.Sprintf("doc-%08d", i), fields(i)))
		if len(docs) == batch || i == from+n-1 {
			_, err := s.db.Collection(collection).InsertMany(t.Context(), docs)
			require.NoError(t, err)
			docs = docs[:0]
		}
	}
}
