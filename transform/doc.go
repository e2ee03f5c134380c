// Package transform turns the changes of MongoDB into the actions that Elasticsearch gets, with plain Go functions.
//
// [Chain] puts transformers in a row. Each sees what the ones before it have left:
//
//	t := transform.Chain(
//		transform.For("shop.orders", transform.Keep(isPaid)),
//		transform.Omit("password", "card.number"),
//		transform.For("blog.comments", transform.RoutingField("post_id")),
//		transform.Index(transform.Pattern(`shop_(.*)\.orders`, "orders-$1")),
//	)
//
// What changes the document: [Omit], [Pick], [Rename] and [Set] work on BSON and never decode it; [Doc] hands it out
// as a map, [Typed] as a struct; [Lookup] embeds related documents, one query for a batch. What decides whether there
// is a document at all: [Keep], [Skip], [Drop]. What says where it goes: [Index], [Routing], [ID], [Version],
// [Pipeline], [RetryOnConflict], [Join]. [Edit] sees change and action whole. [Map], [Filter] and [Process] take the
// functions of a Monstache plug-in. [AskOnDelete] finds deleted documents by their pre-images. [RelateSource] makes
// changes of one collection re-index documents of another.
//
// Every constructor can be called with arguments that cannot work, such as an invalid index name. Nothing panics then:
// the transformer's Check reports a [goatee.ConfigError], and every change fails with the same error.
//
// A transformer says whether it is [goatee.LatestOnly]: whether a document's result depends on nothing but the
// document's newest state. Only if all of a chain are does goatee collapse the changes a batch holds of one document
// into the last, which saves most of the work of hot documents.
//
// The package links neither MongoDB nor Elasticsearch: what it looks up it takes as a [Finder]. All transformers are
// safe for concurrent use when the functions given to them are.
package transform
