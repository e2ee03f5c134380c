// Package goatee keeps Elasticsearch in step with MongoDB: it reads collections as they are and the change streams that
// follow, lets plain Go functions transform what it reads, and writes Elasticsearch in bulk. It can be killed at any
// instant and goes on where Elasticsearch has acknowledged.
//
//	client, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://localhost:27017"))
//	es, err := elasticsearch.NewDefaultClient()
//
//	stream, err := source.NewChangeStream(client, "shop")
//	orders, err := source.NewDirectRead(client, "shop.orders")
//	bulk, err := sink.NewBulk(es)
//	positions, err := resume.NewMongo(client.Database("goatee"), "shop")
//
//	s, err := goatee.New(
//		goatee.WithSource(stream),
//		goatee.WithSource(orders),
//		goatee.WithTransformer(transform.For("shop.orders", transform.Omit("card"))),
//		goatee.WithSink(bulk),
//		goatee.WithPositions(positions),
//	)
//	err = s.Run(ctx) // until ctx ends
//
// # Pieces
//
// A [Source] produces the changes of one ordered stream (package source). A [Transformer] turns the actions prepared
// for a change into those to write (package transform). A [Sink] makes them durable (package sink). A [PositionStore]
// keeps positions between runs (package resume), an [Elector] lets one of several processes work (package cluster). The
// [Syncer] carries batches from sources through lanes to the sink; a document is in one lane at a time, so that its
// changes stay in order while many are written at once.
//
// # Guarantees
//
// At least once: a stored position never passes a change that Elasticsearch has not acknowledged. In order per document:
// what Elasticsearch holds in the end is the document's last state in MongoDB. Idempotent: actions carry the cluster
// time as external version, so that replays change nothing and direct reads may run beside the stream. One bad document
// harms only itself: it becomes a [DeadLetter]. Memory is bounded in bytes. A lost position is never silent.
// ARCHITECTURE.md says how each is kept and which test would fail without it.
package goatee
