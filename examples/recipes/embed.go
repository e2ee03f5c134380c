package recipes

import (
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// EmbedAuthor replaces the author of a post, the _id of a user, by the user: name and city only. All posts of a batch
// take one query. An author who is gone becomes null: Elasticsearch would refuse an _id where it has seen users. The
// finder is that of source.NewFinder(client).
func EmbedAuthor(finder transform.Finder, users string) goatee.Transformer {
	return transform.Lookup(finder, users, "author",
		transform.WithMissing(transform.MissingNull),
		transform.WithProjection(bson.D{{Key: "name", Value: 1}, {Key: "city", Value: 1}}))
}
