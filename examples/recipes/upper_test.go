package recipes_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/transform/plugin"
)

func TestUpperCase(t *testing.T) {
	k := newKitchen(t)
	k.follow(recipe{transformer: plugin.Map(recipes.UpperCase)})
	k.insert("test", bson.M{"_id": 1, "name": "ada"}, bson.M{"_id": 2, "n": 5})
	k.holds(".test", map[string]string{"1": `{"name":"ADA"}`, "2": `{"n":5}`})
	k.update("test", 2, bson.M{"$set": bson.M{"text": "five"}})
	k.holds(".test", map[string]string{"1": `{"name":"ADA"}`, "2": `{"n":5,"text":"FIVE"}`})
}
