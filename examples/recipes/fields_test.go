package recipes_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/source"
)

func TestFooOrBar(t *testing.T) {
	k := newKitchen(t)
	stop := k.follow(recipe{stream: []source.Option{source.WithPipeline(recipes.FooOrBar)}})
	k.insert("test", bson.D{{Key: "_id", Value: "a"}, {Key: "foo", Value: 1}, {Key: "count", Value: 1}})
	k.holds(".test", map[string]string{"a": `{"foo":1,"count":1}`})
	k.update("test", "a", bson.M{"$set": bson.M{"foo": 2}})
	k.holds(".test", map[string]string{"a": `{"foo":2,"count":1}`})

	// That nothing comes of a change is seen by what comes after it: all has been written when the Syncer has stopped.
	k.update("test", "a", bson.M{"$inc": bson.M{"count": 1}})
	k.insert("test", bson.M{"_id": "after"})
	k.holds(".test", map[string]string{"a": `{"foo":2,"count":1}`, "after": `{}`})
	stop()
	k.holds(".test", map[string]string{"a": `{"foo":2,"count":1}`, "after": `{}`})
}

func TestFooOrBarFollowsEverythingButOtherUpdates(t *testing.T) {
	k := newKitchen(t)
	k.follow(recipe{stream: []source.Option{source.WithPipeline(recipes.FooOrBar)}})
	k.insert("test", bson.M{"_id": "a"}, bson.M{"_id": "b"})
	k.update("test", "a", bson.M{"$set": bson.M{"bar": 1}})
	k.holds(".test", map[string]string{"a": `{"bar":1}`, "b": `{}`})
	_, err := k.db.Collection("test").ReplaceOne(t.Context(), bson.M{"_id": "a"}, bson.M{"count": 7})
	if err != nil {
		t.Fatal(err)
	}
	k.delete("test", "b")
	k.holds(".test", map[string]string{"a": `{"count":7}`})
}
