package recipes_test

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/recipes"
)

func TestSoftDelete(t *testing.T) {
	k := newKitchen(t)
	k.insert("test", bson.M{"_id": "old", "deletedAt": time.Now()}, bson.M{"_id": "null", "deletedAt": nil})
	k.follow(recipe{read: "test", transformer: recipes.SoftDelete()})
	k.insert("test", bson.M{"_id": "a"}, bson.M{"_id": "b"})
	k.holds(".test", map[string]string{"null": `{"deletedAt":null}`, "a": `{}`, "b": `{}`})
	k.update("test", "a", bson.M{"$set": bson.M{"deletedAt": time.Now()}})
	k.holds(".test", map[string]string{"null": `{"deletedAt":null}`, "b": `{}`})
	k.update("test", "a", bson.M{"$unset": bson.M{"deletedAt": 1}})
	k.holds(".test", map[string]string{"null": `{"deletedAt":null}`, "a": `{}`, "b": `{}`})
}
