package relate_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/transform/relate"
)

// database is one of the test's own on a real server.
func database(t *testing.T) *mongo.Database {
	t.Helper()
	server := testservers.MongoDB(t)
	return server.Client(t).Database(server.UniqueDB(t))
}

func insert(t *testing.T, db *mongo.Database, coll string, docs ...any) {
	t.Helper()
	_, err := db.Collection(coll).InsertMany(t.Context(), docs)
	require.NoError(t, err)
}

func TestRelationsAskRealMongoDBAsCollectionsInMemory(t *testing.T) {
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
	relations := map[string]relate.Relation{
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
			want := related(t, memory, []relate.Relation{r}, trigger)
			require.Len(t, want, 2)
			require.Equal(t, want, related(t, mongoFinder(t, db.Client()), []relate.Relation{r}, trigger))
		})
	}
}

func TestARealViewIsReplicated(t *testing.T) {
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
	src := newSource(t, goateetest.NewSource(deployment, goateetest.Update(name+".state", `{"_id": "on"}`, nil)), mongoFinder(t, db.Client()),
		relate.Relation{Namespace: name + ".thing", WithNamespace: name + ".thingview"},
		relate.Relation{Namespace: name + ".state", WithNamespace: name + ".thing", MatchField: "s"})
	shown := map[int32]string{}
	require.NoError(t, src.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		require.Empty(t, b.Failed)
		for _, c := range b.Changes {
			require.Equal(t, name+".thingview", c.Namespace.String())
			shown[c.ID.Int32()] = c.Document.Lookup("s", "0", "text").StringValue()
		}
		return nil
	}))
	require.Len(t, shown, 3000)
	for i := range int32(3000) {
		require.Equal(t, "switched on", shown[i])
	}
}

// failingView shows the documents of d.a but for those with n 0, for which it fails.
func failingView(t *testing.T) (db *mongo.Database, relation relate.Relation) {
	t.Helper()
	db = database(t)
	divide := bson.D{{Key: "$divide", Value: bson.A{1, "$n"}}}
	require.NoError(t, db.CreateView(t.Context(), "v", "a", mongo.Pipeline{{{Key: "$addFields", Value: bson.M{"q": divide}}}}))
	return db, relate.Relation{Namespace: db.Name() + ".a", WithNamespace: db.Name() + ".v"}
}

func TestADocumentThatMakesAViewFailIsOneDeadLetter(t *testing.T) {
	db, relation := failingView(t)
	var docs []any
	var changes []*goatee.Change
	want := map[string]bool{}
	for i := range 2500 {
		doc := bson.M{"_id": i, "n": i - 1234}
		docs = append(docs, doc)
		changes = append(changes, goateetest.Update(relation.Namespace, doc, nil))
		want[fmt.Sprintf(" read %s/%d", relation.WithNamespace, i)] = i != 1234
	}
	insert(t, db, "a", docs...)
	lines, errs := runRelated(t, newSource(t, goateetest.NewSource(deployment, changes...), mongoFinder(t, db.Client()), relation))
	require.Len(t, errs, 1)
	require.ErrorContains(t, errs[0], fmt.Sprintf("relate %s.a with %s.v by _id 1234: ", db.Name(), db.Name()))
	require.Equal(t, fmt.Sprintf("2500: failed update %s.a/1234", db.Name()), lines[len(lines)-1])
	all := strings.Join(lines, " ") + " "
	for read, expected := range want {
		require.Equal(t, expected, strings.Contains(all, read+" "), read)
	}
	require.NotContains(t, all, "delete")
}

func TestADocumentThatAViewMakesTooLargeIsOneDeadLetter(t *testing.T) {
	db := database(t)
	insert(t, db, "a", bson.M{"_id": 1, "s": strings.Repeat("x", 9<<20)}, bson.M{"_id": 2, "s": "y"})
	twice := bson.D{{Key: "$concat", Value: bson.A{"$s", "$s"}}}
	require.NoError(t, db.CreateView(t.Context(), "v", "a", mongo.Pipeline{{{Key: "$addFields", Value: bson.M{"t": twice}}}}))
	relation := relate.Relation{Namespace: db.Name() + ".a", WithNamespace: db.Name() + ".v"}
	lines, errs := runRelated(t, newSource(t, goateetest.NewSource(deployment,
		goateetest.Update(relation.Namespace, `{"_id": 1}`, nil), goateetest.Update(relation.Namespace, `{"_id": 2}`, nil)),
		mongoFinder(t, db.Client()), relation))
	require.Len(t, errs, 1)
	require.Equal(t, []string{
		fmt.Sprintf("start: read %s/2", relation.WithNamespace), fmt.Sprintf("2: failed update %s/1", relation.Namespace),
	}, lines)
}

func TestSourceValuesAreComparedAndNeverInterpreted(t *testing.T) {
	db := database(t)
	insert(t, db, "b", bson.M{"_id": "plain"}, bson.M{"_id": "other", "k": "x", "sub": bson.M{"k": "x"}})
	var changes []*goatee.Change
	for i, value := range []any{
		bson.M{"$foo": 1}, bson.M{"$gt": ""}, bson.M{"$exists": true}, bson.M{"$where": "1"}, bson.A{bson.M{"$gt": ""}, "x y"},
		primitive.Regex{Pattern: ".*"},
	} {
		insert(t, db, "b", bson.M{"_id": i, "k": value, "sub": bson.M{"k": value}})
		changes = append(changes, goateetest.Insert(db.Name()+".a", bson.M{"_id": i, "v": value}))
	}
	for name, relation := range map[string]relate.Relation{
		"field":  {MatchField: "k"},
		"path":   {MatchField: "sub.k", DotNotation: true},
		"nested": {MatchField: "sub.k"},
	} {
		t.Run(name, func(t *testing.T) {
			relation.Namespace, relation.WithNamespace, relation.SrcField = db.Name()+".a", db.Name()+".b", "v"
			for i, c := range changes {
				lines, errs := runRelated(t, newSource(t, goateetest.NewSource(deployment, c), mongoFinder(t, db.Client()), relation))
				require.Empty(t, errs)
				if name == "nested" && c.Document.Lookup("v").Type == bsontype.Array {
					require.Equal(t, []string{"start: read " + db.Name() + ".b/1", "1:"}, lines, "no element of an array is inside the sub-document")
					continue
				}
				require.Contains(t, lines[0], fmt.Sprintf("read %s.b/%d", db.Name(), i))
				require.NotContains(t, lines[0], "other")
				require.NotContains(t, lines[0], "plain")
			}
		})
	}
	t.Run("by id", func(t *testing.T) {
		relation := relate.Relation{Namespace: db.Name() + ".a", WithNamespace: db.Name() + ".b", SrcField: "v"}
		lines, errs := runRelated(t, newSource(t, goateetest.NewSource(deployment, changes...), mongoFinder(t, db.Client()), relation))
		require.Empty(t, errs)
		require.Equal(t, []string{"6:"}, lines)
	})
}
