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
// There are three groups. What changes the document: [Omit], [Pick], [Rename] and [Set] work on BSON and never decode it;
// [Doc] gets it as a map, [Typed] as a struct; [Lookup] embeds related documents, with one query for a batch. What decides
// whether a document is written at all: [Keep], [Skip], [Drop]. What says where it goes: [Index], [Routing], [ID],
// [Version], [Pipeline], [RetryOnConflict], [Join]. Beyond these, [Edit] sees change and action whole, [AskOnDelete] finds
// deleted documents by their pre-images, and [Timeout] limits how long a call may take.
//
// Two packages belong to this one: relate re-indexes documents of one collection when those of another change, and plugin
// takes the functions of a Monstache plug-in.
//
// # Errors
//
// An error or a panic of a function fails its own change, which becomes a dead letter. An error made by [goatee.Retry]
// has the change transformed again later; every transformer here hands it on.
//
// Every constructor returns a transformer, also for arguments that cannot work, such as an invalid index name, so that
// chains can be written in one expression. The transformer's Check then reports a [goatee.ConfigError], which goatee does
// before anything is read; unchecked, every change fails with the same error.
//
// # Newest state only
//
// A transformer says whether it is [goatee.LatestOnly]: whether a document's result depends on nothing but the document's
// newest state. Only if all of a chain are, goatee collapses the changes of one document within a batch into the last,
// which saves most of the work for documents that change often. [Latest] declares it for functions of your own.
//
// The package links neither MongoDB nor Elasticsearch: documents of other collections come from a [Finder]. No transformer
// modifies a change. All transformers are safe for concurrent use when the functions given to them are.
package transform
