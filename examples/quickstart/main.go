// Command quickstart is the README's first snippet: it keeps the index shop.orders in step with the collection
// shop.orders.
package main

import (
	"context"
	"log"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/transform"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, "mongodb://localhost:27017/?replicaSet=rs0", "http://localhost:9200"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, mongoURI, elasticsearchURL string) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(mongoURI))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	es, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    []string{elasticsearchURL},
		Transport:    sink.Transport(nil), // works with OpenSearch too
		DisableRetry: true,                // the sink retries by itself
	})
	if err != nil {
		return err
	}
	stream, err := source.NewChangeStream(client, "shop.orders") // what changes
	if err != nil {
		return err
	}
	read, err := source.NewDirectRead(client, "shop.orders", source.WithStateful(true)) // what is there, read once
	if err != nil {
		return err
	}
	bulk, err := sink.NewBulk(es)
	if err != nil {
		return err
	}
	positions, err := resume.NewMongo(client.Database("goatee"), "orders") // where to go on after a restart
	if err != nil {
		return err
	}
	s, err := goatee.New(
		goatee.WithSource(stream),
		goatee.WithSource(read),
		goatee.WithTransformer(transform.For("shop.orders", transform.Omit("card"))),
		goatee.WithSink(bulk),
		goatee.WithPositions(positions),
		goatee.WithLogger(slog.Default()), // refused documents are logged here
	)
	if err != nil {
		return err
	}
	return s.Run(ctx) // until ctx ends; then it writes what it has read and stores its positions
}
