package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// Two collections are mapped to one index. Dropping one of them costs the other nothing, is one dead letter that says
// what is left, and holds up no other drop; when the whole database goes, the index goes with it.
func TestDropsOfASharedIndex(t *testing.T) {
	s := newStack(t)
	s.insert("a", bson.M{"_id": "of a"})
	s.insert("b", bson.M{"_id": "of b"})
	s.insert("solo", bson.M{"_id": 1})
	p := start(t, s.config(`
direct-read-namespaces = ["DB.a", "DB.b", "DB.solo"]
change-stream-namespaces = ["DB"]
[[mapping]]
namespace = "DB.a"
index = "DB-all"
[[mapping]]
namespace = "DB.b"
index = "DB-all"
`))
	all, solo := s.db.Name()+"-all", s.db.Name()+".solo"
	s.waitFor(all, "of a", "{}")
	s.waitFor(all, "of b", "{}")
	s.waitFor(solo, "1", "{}")

	require.NoError(t, s.db.Collection("a").Drop(t.Context()))
	require.NoError(t, s.db.Collection("solo").Drop(t.Context()))
	s.waitFor(solo, "1", "")
	s.insert("b", bson.M{"_id": "after"})
	s.waitFor(all, "after", "{}")
	p.waitLog("dead letter", "index "+all+" is not deleted", s.db.Name()+".b", "delete the dropped documents by query")
	require.Equal(t, "{}", s.source(all, "of b"))
	require.Equal(t, "{}", s.source(all, "of a"), "left behind, as the dead letter says")

	require.NoError(t, s.db.Drop(t.Context()))
	require.Eventually(t, func() bool {
		res, err := s.es.Indices.Exists([]string{all})
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusNotFound
	}, waitLimit, waitTick, "the index of the database's collections")
	p.stop()
}
