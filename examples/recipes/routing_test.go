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

func TestCommentsByPost(t *testing.T) {
	k := newKitchen(t)
	k.createIndex(".comments", `{"settings": {"number_of_shards": 4, "number_of_replicas": 0}}`)
	k.follow(recipe{
		transformer: recipes.CommentsByPost(),
		sink:        func(b *sink.Bulk) (goatee.Sink, error) { return recipes.SearchingDeletes(b, k.name+"*") },
	})
	k.insert("comments", bson.D{{Key: "_id", Value: 1}, {Key: "title", Value: "Did you read this?"}, {Key: "post_id", Value: "123"}},
		bson.D{{Key: "_id", Value: 2}, {Key: "title", Value: "Yeah, it's good"}, {Key: "post_id", Value: "123"}},
		bson.D{{Key: "_id", Value: 3}, {Key: "title", Value: "Elsewhere"}, {Key: "post_id", Value: "124"}})
	first, second := `{"title":"Did you read this?","post_id":"123"}`, `{"title":"Yeah, it's good","post_id":"123"}`
	k.holds(".comments", map[string]string{"1": first, "2": second, "3": `{"title":"Elsewhere","post_id":"124"}`})

	require.EqualValues(t, 4, gjson.Get(k.search(".comments", "", everything), "_shards.total").Int())
	const ofPost = `{"term": {"post_id.keyword": "123"}}`
	require.EqualValues(t, 1, gjson.Get(k.search(".comments", "routing=123", ofPost), "_shards.total").Int(), "one shard is asked")
	require.Equal(t, map[string]string{"1": first, "2": second}, k.found(".comments", "routing=123", ofPost))

	k.delete("comments", 1)
	k.finds(".comments", ofPost, map[string]string{"2": second})
}
