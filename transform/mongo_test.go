package transform_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/transform"
)

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

func TestLookupAsksRealMongoDBAsCollectionsInMemory(t *testing.T) {
	db := database(t)
	memory := goateetest.NewCollections()
	docs := []any{bson.D{{Key: "_id", Value: 1}, {Key: "s", Value: "on"}}, bson.D{{Key: "_id", Value: 2}, {Key: "s", Value: bson.A{"on"}}}}
	insert(t, db, "thing", docs...)
	memory.Put(db.Name()+".thing", docs...)
	var changes []*goatee.Change
	for i := range 5 {
		changes = append(changes, goateetest.Insert(db.Name()+".x", bson.M{"_id": i, "ref": float64(i)}))
	}
	only := transform.WithProjection(bson.D{{Key: "s", Value: 1}})
	lookup := func(f transform.Finder) string {
		return goateetest.Actions(t, transform.Lookup(f, db.Name()+".thing", "ref", only), changes...)
	}
	require.Equal(t, lookup(memory), lookup(mongoFinder(t, db.Client())))
}

// odd are values that MongoDB takes for something else than a value where it can.
var odd = map[string]any{
	"unknown operator": bson.D{{Key: "$foo", Value: 1}},
	"comparison":       bson.D{{Key: "$gt", Value: ""}},
	"exists":           bson.D{{Key: "$exists", Value: true}},
	"where":            bson.D{{Key: "$where", Value: "1"}},
	"second field":     bson.D{{Key: "a", Value: 1}, {Key: "$gt", Value: ""}},
	"nested":           bson.D{{Key: "a", Value: bson.D{{Key: "$gt", Value: ""}}}},
	"reference":        bson.D{{Key: "$ref", Value: "users"}, {Key: "$id", Value: 1}},
	"expression":       bson.D{{Key: "$expr", Value: true}},
	"pattern":          primitive.Regex{Pattern: ".*"},
	"dollar":           "$author",
	"empty":            bson.D{},
	"min key":          primitive.MinKey{},
	"max key":          primitive.MaxKey{},
	"code":             primitive.JavaScript("true"),
	"timestamp":        primitive.Timestamp{T: 1},
	"not a number":     math.NaN(),
	"code with scope":  primitive.CodeWithScope{Code: "x", Scope: bson.D{{Key: "$gt", Value: 1}}},
	"symbol":           primitive.Symbol("x"),
	"bad pattern":      primitive.Regex{Pattern: "("},
	"empty name":       bson.D{{Key: "", Value: 1}},
	"name with a dot":  bson.D{{Key: "a.b", Value: 1}},
	"bad UTF-8":        "a\xff",
}

func TestLookupTakesEveryValueForAValue(t *testing.T) {
	db := database(t)
	finder := mongoFinder(t, db.Client())
	insert(t, db, "users", bson.M{"_id": "ada"}, bson.M{"_id": 1, "a": 1})
	for name, value := range odd {
		t.Run(name, func(t *testing.T) {
			post := goateetest.Insert("blog.posts", bson.M{"_id": 1, "author": value})
			good := goateetest.Insert("blog.posts", bson.M{"_id": 2, "author": "ada"})
			items := run(t, transform.Lookup(finder, db.Name()+".users", "author"), post, good)
			require.NoError(t, items[0].Err)
			require.Equal(t, post.Document.Lookup("author"), items[0].Actions[0].Body().Lookup("author"), "it matches nothing and stays")
			require.Equal(t, "ada", items[1].Actions[0].Body().Lookup("author", "_id").StringValue())

			coll := db.Collection("by field")
			require.NoError(t, coll.Drop(t.Context()))
			insert(t, db, coll.Name(), bson.M{"_id": "equal", "key": value}, bson.M{"_id": "other", "key": "x"}, bson.M{"_id": "none"})
			byField := transform.Lookup(finder, db.Name()+"."+coll.Name(), "author", transform.WithForeignField("key"))
			items = run(t, byField, post)
			require.NoError(t, items[0].Err)
			require.Equal(t, "equal", items[0].Actions[0].Body().Lookup("author", "_id").StringValue(), "it matches itself alone")
		})
	}
}

func TestOneOddReferenceAmongThousandsHarmsNothing(t *testing.T) {
	db := database(t)
	insert(t, db, "users", bson.M{"_id": "ada", "name": "Ada"})
	var posts []*goatee.Change
	for i := range 2000 {
		posts = append(posts, goateetest.Insert("lib.posts", bson.M{"_id": i, "author": "ada"}))
	}
	posts = append(posts, goateetest.Insert("lib.posts", bson.M{"_id": 2000, "author": bson.M{"$foo": 1}}))
	for i, it := range run(t, transform.Lookup(mongoFinder(t, db.Client()), db.Name()+".users", "author"), posts...) {
		require.NoError(t, it.Err)
		if i < 2000 {
			require.Equal(t, "Ada", it.Actions[0].Body().Lookup("author", "name").StringValue())
		}
	}
}

func TestAReferenceThatAViewCannotShowFailsItsChangeAlone(t *testing.T) {
	db := database(t)
	var users []any
	var posts []*goatee.Change
	for i := range 100 {
		users = append(users, bson.M{"_id": i, "n": i - 42})
		posts = append(posts, goateetest.Insert("lib.posts", bson.M{"_id": i, "author": i}))
	}
	insert(t, db, "users", users...)
	divide := bson.D{{Key: "$divide", Value: bson.A{1, "$n"}}}
	require.NoError(t, db.CreateView(t.Context(), "v", "users", mongo.Pipeline{{{Key: "$addFields", Value: bson.M{"q": divide}}}}))
	for i, it := range run(t, transform.Lookup(mongoFinder(t, db.Client()), db.Name()+".v", "author"), posts...) {
		if i == 42 {
			require.ErrorContains(t, it.Err, fmt.Sprintf("look up 42 in %s.v by _id", db.Name()))
			continue
		}
		require.NoError(t, it.Err)
		require.EqualValues(t, i, it.Actions[0].Body().Lookup("author", "_id").Int32())
	}
}
