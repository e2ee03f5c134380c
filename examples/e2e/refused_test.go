package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// One document the mapping refuses, among many good ones, is reported once, with its id, index and the reason. All
// others are indexed, and the position moves on: the next start does not meet it again.
func TestARefusedDocumentIsReportedOnce(t *testing.T) {
	s := newStack(t)
	n := int(*documents)
	s.es.must(t, "PUT", "/"+s.index("orders"), `{"mappings":{"properties":{"n":{"type":"long"}}}}`)
	conf := s.settings()
	d := startDaemon(t, conf)
	s.awaitFollowing(t, "orders")

	good := func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}, {Key: "name", Value: "good"}} }
	s.insertMany(t, "orders", 0, n/2, good)
	_, err := s.db.Collection("orders").InsertOne(t.Context(), withID("the-bad-one", bson.D{{Key: "n", Value: "many"}}))
	require.NoError(t, err)
	s.insertMany(t, "orders", n/2, n-n/2, good)

	comparison{stack: s, except: map[string]bool{"the-bad-one": true}}.require(t, "orders")
	require.Equal(t, n, s.es.count(s.index("orders")))
	lines := d.linesSince(0, "the-bad-one")
	require.Len(t, lines, 1, "it is reported once")
	require.Contains(t, lines[0], s.index("orders"))
	require.Contains(t, lines[0], "mapper_parsing_exception")
	require.Contains(t, lines[0], "failed to parse field [n]")
	require.Zero(t, d.terminate(t))

	d = startDaemon(t, conf)
	s.awaitFollowing(t, "orders")
	require.Zero(t, d.terminate(t))
	require.Empty(t, d.linesSince(0, "the-bad-one"), "the position has moved on")
}

// The same for documents that are read directly, for a type each that Elasticsearch refuses.
func TestRefusedDocumentsOfADirectRead(t *testing.T) {
	s := newStack(t)
	s.es.must(t, "PUT", "/"+s.index("orders"), `{"mappings":{"properties":{"n":{"type":"long"},"when":{"type":"date"}}}}`)
	refused := []bson.D{
		{{Key: "n", Value: bson.D{{Key: "a", Value: 1}}}},
		{{Key: "n", Value: "text"}},
		{{Key: "when", Value: "yesterday"}},
	}
	except := map[string]bool{}
	for i, fields := range refused {
		id := fmt.Sprintf("refused-%d", i)
		except[id] = true
		_, err := s.db.Collection("orders").InsertOne(t.Context(), withID(id, fields))
		require.NoError(t, err)
	}
	s.insertMany(t, "orders", 0, 2000, func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}} })
	d := startDaemon(t, s.settings().with(settings{
		"direct-read-namespaces": s.namespaces("orders"), "exit-after-direct-reads": true,
	}))
	d.wait(t)
	comparison{stack: s, except: except}.require(t, "orders")
	for id := range except {
		require.Len(t, d.linesSince(0, id), 1, "%s is reported once", id)
	}
}
