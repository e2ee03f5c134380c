package transform_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/transform"
)

func mongoFinder(t testing.TB, client *mongo.Client) transform.Finder {
	t.Helper()
	f, err := source.NewFinder(client)
	require.NoError(t, err)
	return f
}

// database is one of the test's own on a real server.
func database(t testing.TB) *mongo.Database {
	t.Helper()
	server := testservers.MongoDB(t)
	return server.Client(t).Database(server.UniqueDB(t))
}

func insert(t testing.TB, db *mongo.Database, coll string, docs ...any) {
	t.Helper()
	_, err := db.Collection(coll).InsertMany(t.Context(), docs)
	require.NoError(t, err)
}

func TestLookupAndRelateAskRealMongoDBAsCollectionsInMemory(t *testing.T) {
	db := database(t)
	memory := goateetest.NewCollections()
	docs := []any{
		bson.D{{Key: "_id", Value: 1}, {Key: "s", Value: "on"}, {Key: "a", Value: bson.D{{Key: "b", Value: 5}}}},
		bson.D{{Key: "_id", Value: 2}, {Key: "s", Value: bson.A{"on", "off"}}},
		bson.D{{Key: "_id", Value: 3}, {Key: "s", Value: "off"}, {Key: "a", Value: bson.D{{Key: "b", Value: 5.0}, {Key: "c", Value: 6}}}},
	}
	insert(t, db, "thing", docs...)
	name := db.Name()
	memory.Put(name+".thing", docs...)
	relations := map[string]transform.Relate{
		"array":  {MatchField: "s"},
		"nested": {SrcField: "n", MatchField: "a.b"},
		"dotted": {SrcField: "n", MatchField: "a.b", DotNotation: true},
		"ids":    {SrcField: "list"},
		"text":   {SrcField: "text", MatchFieldType: "int"},
	}
	trigger := goateetest.Insert(name+".state", `{"_id": "on", "n": 5, "list": [3, 1, 9], "text": "2"}`)
	for title, r := range relations {
		t.Run(title, func(t *testing.T) {
			r.Namespace, r.WithNamespace = name+".state", name+".thing"
			want := related(t, memory, []transform.Relate{r}, trigger)
			require.Len(t, want, 2)
			require.Equal(t, want, related(t, mongoFinder(t, db.Client()), []transform.Relate{r}, trigger))
		})
	}
	t.Run("lookup", func(t *testing.T) {
		var changes []*goatee.Change
		for i := range 5 {
			changes = append(changes, goateetest.Insert(name+".x", bson.M{"_id": i, "ref": float64(i)}))
		}
		only := transform.WithProjection(bson.D{{Key: "s", Value: 1}})
		require.Equal(t, goateetest.Actions(t, transform.Lookup(memory, name+".thing", "ref", only), changes...),
			goateetest.Actions(t, transform.Lookup(mongoFinder(t, db.Client()), name+".thing", "ref", only), changes...))
	})
}

func TestRelateReadsARealView(t *testing.T) {
	db := database(t)
	insert(t, db, "state", bson.M{"_id": "on", "text": "switched on"})
	var things []any
	for i := range 3000 {
		things = append(things, bson.M{"_id": i, "s": "on"})
	}
	insert(t, db, "thing", things...)
	require.NoError(t, db.CreateView(t.Context(), "thingview", "thing", mongo.Pipeline{{{Key: "$lookup", Value: bson.D{
		{Key: "from", Value: "state"}, {Key: "localField", Value: "s"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: "s"},
	}}}}))
	name := db.Name()
	stream := goateetest.NewSource(deployment, goateetest.Update(name+".state", `{"_id": "on"}`, nil))
	sink := goateetest.NewSink()
	s, err := goatee.New(goatee.WithSink(sink),
		goatee.WithSource(transform.RelateSource(stream, mongoFinder(t, db.Client()),
			transform.Relate{Namespace: name + ".thing", WithNamespace: name + ".thingview"},
			transform.Relate{Namespace: name + ".state", WithNamespace: name + ".thing", MatchField: "s"})),
		goatee.WithTransformer(transform.Index(transform.Exact(name+".thing", "things"), transform.Exact(name+".thingview", "things"))))
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context()))
	docs := sink.Documents("things")
	require.Len(t, docs, 3000)
	for i := range 3000 {
		require.JSONEq(t, `{"s":[{"_id":"on","text":"switched on"}]}`, docs[fmt.Sprint(i)])
	}
}
