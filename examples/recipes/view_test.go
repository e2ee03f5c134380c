package recipes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/recipes"
)

func TestThingView(t *testing.T) {
	k := newKitchen(t)
	k.insert("state", bson.M{"_id": "on", "text": "is on"}, bson.M{"_id": "off", "text": "is off"})
	k.insert("thing", bson.M{"_id": "lamp", "s": "on"}, bson.M{"_id": "fan", "s": "off"})
	require.NoError(t, k.db.CreateView(t.Context(), "thingview", "thing", mongo.Pipeline{{{Key: "$lookup", Value: bson.D{
		{Key: "from", Value: "state"}, {Key: "localField", Value: "s"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: "s"},
	}}}}))
	k.follow(recipe{
		read:        "thingview",
		relate:      func(s goatee.Source) (goatee.Source, error) { return recipes.ThingView(s, k.finder(), k.name) },
		transformer: recipes.ThingIndex(k.name, k.name+".things"),
	})
	on, off := `{"s":[{"_id":"on","text":"is on"}]}`, `{"s":[{"_id":"off","text":"is off"}]}`
	k.holds(".things", map[string]string{"lamp": on, "fan": off})

	k.insert("thing", bson.M{"_id": "tv", "s": "on"}, bson.M{"_id": "odd", "s": "?"})
	k.update("thing", "fan", bson.M{"$set": bson.M{"s": "on"}})
	k.holds(".things", map[string]string{"lamp": on, "fan": on, "tv": on, "odd": `{"s":[]}`})
	k.update("state", "on", bson.M{"$set": bson.M{"text": "glows"}})
	glows := `{"s":[{"_id":"on","text":"glows"}]}`
	k.holds(".things", map[string]string{"lamp": glows, "fan": glows, "tv": glows, "odd": `{"s":[]}`})
	k.delete("thing", "lamp")
	k.holds(".things", map[string]string{"fan": glows, "tv": glows, "odd": `{"s":[]}`})
	require.Empty(t, k.search(".state", "", everything), "states have no index of their own")
}
