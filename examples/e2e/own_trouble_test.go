package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// A document that contradicts the mapping whatever is tried is a dead letter, and no server looks ill because of it.
func TestADocumentThatContradictsItselfIsNoFailureOfAServer(t *testing.T) {
	s := newStack(t)
	conf, address := s.settings().withHTTP(t)
	d := startDaemon(t, conf)
	s.awaitFollowing(t, "orders")
	unready := watchReady(t, address)
	except := map[string]bool{}
	for i := range 20 {
		for name, value := range map[string]bson.A{"prices": {int32(10), 12.5}, "mixed": {int32(1), "a"}} {
			id := fmt.Sprintf("%s-%d", name, i)
			except[id] = true
			// Each in a field of its own, which no document before it has mapped.
			_, err := s.db.Collection("orders").InsertOne(t.Context(), withID(id, bson.D{{Key: id, Value: value}}))
			require.NoError(t, err)
		}
		s.insertMany(t, "orders", 10*i, 10, func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}} })
	}
	comparison{stack: s, except: except}.require(t, "orders")
	for id := range except {
		require.Eventually(t, func() bool { return len(d.linesSince(0, `dead letter.*\b`+id+`\b`)) == 1 }, patience, tick, id)
	}
	require.Empty(t, unready())
	require.Zero(t, d.terminate(t))
}

// divideView creates a view that fails for documents whose n is 0.
func (s *stack) divideView(t *testing.T, name, of string) {
	t.Helper()
	require.NoError(t, s.db.CreateView(t.Context(), name, of, mongo.Pipeline{
		{{Key: "$addFields", Value: bson.D{{Key: "q", Value: bson.D{{Key: "$divide", Value: bson.A{1, "$n"}}}}}}},
	}))
}

// A view that fails for one document makes that one a dead letter, and only that, now and after a restart.
func TestARelationThroughAFailingView(t *testing.T) {
	s := newStack(t)
	s.divideView(t, "v", "a")
	conf := s.settings().with(settings{"relate": []map[string]any{{
		"namespace": s.db.Name() + ".a", "with-namespace": s.db.Name() + ".v",
	}}})
	d := startDaemon(t, conf)
	s.awaitView(t, "before")
	_, err := s.db.Collection("a").InsertOne(t.Context(), withID("bad", bson.D{{Key: "n", Value: 0}}))
	require.NoError(t, err)
	_, err = s.db.Collection("a").UpdateOne(t.Context(), byID("before"), bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: 0}}}})
	require.NoError(t, err)
	s.awaitView(t, "after")
	require.Eventually(t, func() bool { return len(d.linesSince(0, "dead letter")) == 2 }, patience, tick)
	require.Len(t, d.linesSince(0, `dead letter.*\bbad\b`), 1)
	d.requireRunning(t)
	require.Zero(t, d.terminate(t))

	d = startDaemon(t, conf)
	s.awaitView(t, "again")
	require.Zero(t, d.terminate(t))
}

// awaitView changes a document until the view's arrives.
func (s *stack) awaitView(t *testing.T, id string) {
	t.Helper()
	n := 0.0
	require.Eventually(t, func() bool {
		n++
		_, err := s.db.Collection("a").UpdateOne(t.Context(), byID(id), bson.D{{Key: "$set", Value: bson.D{{Key: "n", Value: n}}}},
			options.Update().SetUpsert(true))
		return err == nil && s.es.has(s.index("v"), id, `"q":`)
	}, patience, tick, "%s does not arrive", id)
}

// Values that mean something to MongoDB as a query are values all the same.
func TestARelationByOddValues(t *testing.T) {
	s := newStack(t)
	odd := []any{
		bson.D{{Key: "$foo", Value: 1}}, bson.D{{Key: "$gt", Value: ""}}, bson.D{{Key: "$exists", Value: true}},
		bson.D{{Key: "$where", Value: "1"}}, bson.A{bson.D{{Key: "$foo", Value: 1}}}, bson.D{}, nil,
	}
	_, err := s.db.Collection("related").InsertMany(t.Context(), []any{
		withID("good", bson.D{{Key: "key", Value: "k"}}), withID("other", bson.D{{Key: "key", Value: "x"}}),
	})
	require.NoError(t, err)
	// One field of all types, which Elasticsearch is not to look into.
	s.es.must(t, "PUT", "/"+s.index("a"), `{"mappings":{"properties":{"ref":{"type":"object","enabled":false}}}}`)
	conf := s.settings().with(settings{"relate": []map[string]any{{
		"namespace": s.db.Name() + ".a", "with-namespace": s.db.Name() + ".related", "src-field": "ref", "match-field": "key", "keep-src": true,
	}}})
	d := startDaemon(t, conf)
	s.awaitFollowing(t, "a")
	for i, value := range odd {
		_, err := s.db.Collection("a").InsertOne(t.Context(), withID(fmt.Sprintf("odd-%d", i), bson.D{{Key: "ref", Value: value}}))
		require.NoError(t, err)
	}
	_, err = s.db.Collection("a").InsertOne(t.Context(), withID("plain", bson.D{{Key: "ref", Value: "k"}}))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return s.es.has(s.index("related"), "good", "") && s.es.has(s.index("a"), "plain", "")
	}, patience, tick)
	d.requireRunning(t)
	require.False(t, s.es.has(s.index("related"), "other", ""), "an odd value is no query")
	require.Zero(t, d.terminate(t))
}

// A direct read that MongoDB refuses ends alone; a run that was to end says so by its exit code.
func TestADirectReadOfAFailingView(t *testing.T) {
	s := newStack(t)
	s.insertMany(t, "a", 0, 100, func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}} })
	s.divideView(t, "v", "a")
	conf := s.settings().with(settings{"direct-read-namespaces": s.namespaces("v", "a")})
	d := startDaemon(t, conf)
	s.awaitFollowing(t, "a")
	s.requireAgreement(t, "a")
	d.requireRunning(t)
	require.Zero(t, d.terminate(t))
	require.NotEmpty(t, d.linesSince(0, `level=ERROR.*direct-read:.*\.v\b|level=ERROR.*namespace=.*\.v\b`))

	s.es.deleteIndices(t, s.db.Name())
	d = startDaemon(t, conf.with(settings{"exit-after-direct-reads": true}))
	require.Equal(t, 1, d.wait(t))
	require.NotEmpty(t, d.linesSince(0, "direct reads ended, not everything is in Elasticsearch"))
	require.Empty(t, d.linesSince(0, "direct reads completed"))
	want := 99
	if s.es.has(s.index("v"), "probe", "") { // the read may have met it before it was deleted
		want++
	}
	require.Equal(t, want, s.es.count(s.index("v")), "every other document of the view is there")
}

// Of documents of a view that have one _id Elasticsearch keeps one, and the log says so.
func TestADirectReadOfAViewThatRepeatsIDs(t *testing.T) {
	s := newStack(t)
	s.insertMany(t, "a", 0, 5, func(int) bson.D { return bson.D{{Key: "tags", Value: bson.A{"x", "y"}}} })
	require.NoError(t, s.db.CreateView(t.Context(), "v", "a", mongo.Pipeline{{{Key: "$unwind", Value: "$tags"}}}))
	d := startDaemon(t, s.settings().with(settings{
		"direct-read-namespaces": s.namespaces("v"), "exit-after-direct-reads": true,
	}))
	require.Zero(t, d.wait(t))
	require.Equal(t, 5, s.es.count(s.index("v")))
	require.Len(t, d.linesSince(0, `level=WARN.*_id.*\.v\b`), 1)
}
