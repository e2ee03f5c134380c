// Command demo shows goatee's main job from nothing: it starts MongoDB and Elasticsearch (or uses those that
// GOATEE_MONGODB_URI and GOATEE_ELASTICSEARCH_URL name), fills a shop with documents, brings them to Elasticsearch,
// changes some of them live and searches for the changes. It ends with exit code 0 only if both sides agree.
//
//	go run ./examples/demo [-docs 50000] [-keep]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	docs := flag.Int("docs", 50_000, "documents to load")
	keep := flag.Bool("keep", false, "leave servers and sync up until Ctrl-C, to play with")
	database := flag.String("db", "shop", "MongoDB database to fill, and prefix of the indices; it must not exist")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	d := &demo{out: os.Stdout, database: *database, docs: *docs, keep: *keep}
	err := d.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}
