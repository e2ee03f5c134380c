package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v7/esapi"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// index-as-update merges documents into those that are there. What others wrote into them stays, the last of many quick
// updates wins, a deleted document comes back only with what is inserted anew, and a second run that reads everything
// again changes nothing. Another collection, which has an ingest pipeline, is replaced with versions beside it.
func TestIndexAsUpdateBesideVersions(t *testing.T) {
	s := newStack(t)
	put, err := s.es.Ingest.PutPipeline(s.db.Name(), strings.NewReader(`{"processors":[]}`))
	s.done(put, err)
	t.Cleanup(func() { s.done(s.es.Ingest.DeletePipeline(s.db.Name())) })
	s.insert("a", bson.D{{Key: "_id", Value: "x"}, {Key: "n", Value: 0}, {Key: "o", Value: bson.M{"p": 1}}})
	s.insert("piped", bson.D{{Key: "_id", Value: "x"}, {Key: "n", Value: 0}, {Key: "gone", Value: 1}})
	toml := s.config(`
direct-read-namespaces = ["DB.a", "DB.piped"]
change-stream-namespaces = ["DB"]
resume = true
index-as-update = true
[[mapping]]
namespace = "DB.piped"
pipeline = "DB"
`)
	a, piped := s.db.Name()+".a", s.db.Name()+".piped"
	p := start(t, toml)
	s.waitFor(a, "x", `{"n":0,"o":{"p":1}}`)
	s.waitFor(piped, "x", `{"n":0,"gone":1}`)
	p.waitLog("listening for events")

	s.done(s.es.Update(a, "x", strings.NewReader(`{"doc":{"theirs":true}}`)))
	for n := 1; n <= 50; n++ {
		for _, name := range []string{"a", "piped"} {
			_, err := s.db.Collection(name).UpdateByID(t.Context(), "x", bson.M{"$set": bson.M{"n": n}, "$unset": bson.M{"gone": 1}})
			require.NoError(t, err)
		}
	}
	s.waitFor(a, "x", `{"n":50,"o":{"p":1},"theirs":true}`)
	s.waitFor(piped, "x", `{"n":50}`)

	_, err = s.db.Collection("a").DeleteOne(t.Context(), bson.M{"_id": "x"})
	require.NoError(t, err)
	s.insert("a", bson.M{"_id": "x", "again": 1})
	s.waitFor(a, "x", `{"again":1}`)
	p.stop()
	require.NotEmpty(t, p.log.line("summary", "deadLetters=0"))

	for round := range 2 {
		s.insert("a", bson.M{"_id": fmt.Sprint("round ", round)})
		again := start(t, toml)
		s.waitFor(a, fmt.Sprint("round ", round), "{}")
		again.waitLog("direct reads completed")
		again.stop()
		require.NotEmpty(t, again.log.line("summary", "deadLetters=0"))
		require.Equal(t, `{"again":1}`, s.source(a, "x"))
		require.Equal(t, `{"n":50}`, s.source(piped, "x"))
	}
}

// done checks the answer to a request of somebody else.
func (s *stack) done(res *esapi.Response, err error) {
	s.t.Helper()
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, res.Body.Close()) }()
	require.False(s.t, res.IsError(), "%s", res)
}
