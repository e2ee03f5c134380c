package recipes

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// CommentsByPost has all comments of a post on one shard: a search with ?routing=<post> asks that shard only. A deleted
// comment does not say which post it was for, so the sink needs a delete strategy, or the collection pre-images.
func CommentsByPost() goatee.Transformer { return transform.RoutingField("post_id") }
