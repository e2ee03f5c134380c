package recipes_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/recipes"
)

func TestInteresting(t *testing.T) {
	k := newKitchen(t)
	k.insert("test", bson.M{"_id": "dull"}, bson.M{"_id": "old", "interesting": true})
	stop := k.follow(recipe{read: "test", transformer: recipes.Interesting()})
	k.insert("test", bson.M{"_id": "new", "interesting": true}, bson.M{"_id": "new and dull", "interesting": false})
	was := `{"interesting":true}`
	k.holds(".test", map[string]string{"old": was, "new": was})

	k.update("test", "old", bson.M{"$set": bson.M{"interesting": false}})
	k.update("test", "dull", bson.M{"$set": bson.M{"interesting": true}})
	k.holds(".test", map[string]string{"old": was, "new": was, "dull": was})
	k.delete("test", "new")
	k.holds(".test", map[string]string{"old": was, "dull": was})
	stop()
	k.holds(".test", map[string]string{"old": was, "dull": was})
}
