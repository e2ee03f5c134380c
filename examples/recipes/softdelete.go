package recipes

import (
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// SoftDelete deletes documents from Elasticsearch that have a deletedAt in MongoDB, and brings them back when they have
// none any more.
func SoftDelete() goatee.Transformer {
	return transform.Drop(func(d *goatee.Document) bool {
		at := d.Lookup("deletedAt")
		return !at.IsZero() && at.Type != bsontype.Null
	})
}
