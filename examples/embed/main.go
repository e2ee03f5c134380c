// Command embed is an ordinary HTTP service that uses goatee as a library: it offers a search over one MongoDB collection
// and keeps the Elasticsearch index for it up to date, in the same process.
//
//	go run ./examples/embed -mongodb mongodb://localhost:27017 -elasticsearch http://127.0.0.1:9200 -namespace shop.products
//	curl 'http://127.0.0.1:8090/search?q=lantern'
//
// sync.go is all the code that goatee needs; product.go is a transformer, and product_test.go its unit test, which needs no
// servers. The service and the sync start and stop together: after SIGTERM the service finishes its requests, the sync
// writes what it has read and stores its position, and the next start goes on from there.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var s settings
	flag.StringVar(&s.mongoURI, "mongodb", "mongodb://localhost:27017", "MongoDB connection string")
	flag.StringVar(&s.elasticURL, "elasticsearch", "http://127.0.0.1:9200", "Elasticsearch URL")
	flag.StringVar(&s.namespace, "namespace", "shop.products", "collection to search, as database.collection")
	flag.StringVar(&s.address, "listen", "127.0.0.1:8090", "address of the HTTP service")
	flag.Parse()

	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s, logger)
	stop()
	if err != nil {
		logger.Error("stopped", "error", err)
		os.Exit(1)
	}
}
