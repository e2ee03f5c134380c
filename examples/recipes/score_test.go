package recipes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/sink"
)

func TestByScore(t *testing.T) {
	k := newKitchen(t)
	k.follow(recipe{
		transformer: recipes.ByScore(k.name+".comments", k.name+".comments.highscore"),
		sink:        func(b *sink.Bulk) (goatee.Sink, error) { return recipes.SearchingDeletes(b, k.name+"*") },
	})
	doc := func(id string, score int) bson.D {
		return bson.D{{Key: "_id", Value: id}, {Key: "score", Value: score}, {Key: "post_id", Value: 7}}
	}
	k.insert("comments", doc("low", 99), doc("high", 100))
	k.holds(".comments", map[string]string{"low": `{"score":99,"post_id":7}`})
	k.holds(".comments.highscore", map[string]string{"high": `{"score":100,"post_id":7}`})
	hit := gjson.Get(k.search(".comments.highscore", "", everything), "hits.hits.0")
	require.Equal(t, "7", hit.Get("_routing").String())

	k.update("comments", "low", bson.M{"$set": bson.M{"score": 150}})
	k.update("comments", "high", bson.M{"$set": bson.M{"score": 1}})
	k.holds(".comments", map[string]string{"high": `{"score":1,"post_id":7}`})
	k.holds(".comments.highscore", map[string]string{"low": `{"score":150,"post_id":7}`})

	k.delete("comments", "low")
	k.delete("comments", "high")
	k.holds(".comments", nil)
	k.holds(".comments.highscore", nil)
}
