package recipes_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/transform"
)

func TestEmbedAuthor(t *testing.T) {
	k := newKitchen(t)
	ada := primitive.NewObjectID()
	k.insert("users", bson.D{{Key: "_id", Value: ada}, {Key: "name", Value: "Ada"}, {Key: "password", Value: "secret"}})
	k.insert("posts", bson.D{{Key: "_id", Value: "old"}, {Key: "author", Value: ada}})
	posts := transform.For(k.name+".posts", recipes.EmbedAuthor(k.finder(), k.name+".users"))
	k.follow(recipe{read: "posts", transformer: posts})
	k.insert("posts", bson.D{{Key: "_id", Value: "new"}, {Key: "title", Value: "x"}, {Key: "author", Value: ada}}, bson.M{"_id": "anonymous"},
		bson.D{{Key: "_id", Value: "unknown"}, {Key: "author", Value: "nobody"}})
	author := `"author":{"_id":"` + ada.Hex() + `","name":"Ada"}`
	k.holds(".posts", map[string]string{
		"old": "{" + author + "}", "new": `{"title":"x",` + author + "}", "anonymous": "{}", "unknown": `{"author":null}`,
	})
}
