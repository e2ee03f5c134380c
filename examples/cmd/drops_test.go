package main

import (
	"net/http"
	"strings"
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

// The drop of an index that takes nothing waits for it alone: other collections arrive meanwhile, what comes for the
// dropped collection follows the drop, and when the block is gone so is what was dropped.
func TestADropOfABlockedIndexHoldsUpNothingElse(t *testing.T) {
	s := newStack(t)
	s.insert("a", bson.M{"_id": "old"})
	p := start(t, s.config("direct-read-namespaces = ['DB.a']\nchange-stream-namespaces = ['DB']"))
	blocked := s.db.Name() + ".a"
	s.waitFor(blocked, "old", "{}")
	set := func(value string) {
		s.done(s.es.Indices.PutSettings(strings.NewReader(`{"index.blocks.read_only":`+value+`}`), s.es.Indices.PutSettings.WithIndex(blocked)))
	}
	set("true")
	unblocked := false
	t.Cleanup(func() {
		if !unblocked { // otherwise it cannot be deleted after the test
			set("null")
		}
	})
	require.NoError(t, s.db.Collection("a").Drop(t.Context()))
	s.insert("a", bson.M{"_id": "new"})
	s.insert("b", bson.M{"_id": 1})
	s.waitFor(s.db.Name()+".b", "1", "{}")
	require.Equal(t, "{}", s.source(blocked, "old"))
	require.Empty(t, s.source(blocked, "new"))

	set("null")
	unblocked = true
	s.waitFor(blocked, "new", "{}")
	require.Empty(t, s.source(blocked, "old"))
	p.stop()
	require.NotEmpty(t, p.log.line("summary", "deadLetters=0"))
}
