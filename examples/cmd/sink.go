package main

import (
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/sink"
)

// metaCollection is where delete-strategy 1 remembers documents' places, as Monstache does.
const metaCollection = "meta"

// newSink returns the bulk sink, with the delete strategy around it when documents have places of their own.
func newSink(
	c *config.Config, es *elasticsearch.Client, db *mongo.Database,
) (goatee.Sink, error) {
	bulk, err := sink.NewBulk(es, sinkOptions(c)...)
	if err != nil {
		return nil, err
	}
	next, err := withHistory(c, bulk)
	if err != nil || len(c.RoutingNamespaces) == 0 {
		return next, err
	}
	routed := sink.WithRoutedNamespaces(c.RoutingNamespaces...)
	switch c.DeleteStrategy {
	case config.DeleteStateless:
		return sink.NewStateless(bulk, next, routed, sink.WithIndexPattern(c.DeleteIndexPattern))
	case config.DeleteStateful:
		meta, err := sink.NewMongoMeta(db.Collection(metaCollection))
		if err != nil {
			return nil, err
		}
		return sink.NewStateful(bulk, next, meta, routed)
	default:
		return next, nil // the transformer leaves deletes out
	}
}

func sinkOptions(c *config.Config) []sink.Option {
	opts := []sink.Option{
		sink.WithMaxBytes(c.ElasticsearchMaxBytes), sink.WithGzip(c.Gzip), sink.WithPrune(c.PruneInvalidJSON),
		sink.WithShortDoubles(c.ShortDoubles), sink.WithDroppedCollections(c.DroppedCollections),
		sink.WithDroppedDatabases(c.DroppedDatabases),
	}
	if c.ElasticsearchMaxDocs > 0 {
		opts = append(opts, sink.WithMaxActions(c.ElasticsearchMaxDocs))
	}
	if c.ElasticsearchClientTimeout > 0 {
		opts = append(opts, sink.WithRequestTimeout(time.Duration(c.ElasticsearchClientTimeout)*time.Second))
	}
	return opts
}
