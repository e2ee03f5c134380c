package recipes_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/source"
)

func TestFooIsOne(t *testing.T) {
	k := newKitchen(t)
	k.insert("test", bson.M{"_id": "old", "foo": 1, "secret": "x"}, bson.M{"_id": "old other", "foo": 2})
	stop := k.follow(recipe{
		read: "test", readOptions: []source.Option{source.WithPipeline(recipes.FooIsOne)},
		stream: []source.Option{
			source.WithPipeline(recipes.FooIsOne), source.WithFullDocument(source.FullDocumentUpdateLookup),
		},
	})
	k.insert("test", bson.M{"_id": "new other", "foo": 2}, bson.M{"_id": "new", "foo": 1, "secret": "y"}, bson.M{"_id": "later", "foo": 0})
	k.holds(".test", map[string]string{"old": `{"foo":1}`, "new": `{"foo":1}`})
	k.update("test", "later", bson.M{"$set": bson.M{"foo": 1, "secret": "z"}})
	k.holds(".test", map[string]string{"old": `{"foo":1}`, "new": `{"foo":1}`, "later": `{"foo":1}`})
	stop()
	k.holds(".test", map[string]string{"old": `{"foo":1}`, "new": `{"foo":1}`, "later": `{"foo":1}`})
}
