package main

import (
	"log/slog"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
)

// stateDatabase is where MongoDB keeps the positions.
const stateDatabase = "search_service"

// newSyncer keeps the index of one collection up to date: it reads the documents that are there once, and follows changes
// from then on. What it follows is what it reads. Sources and sink take the logger of goatee.WithLogger.
func newSyncer(client *mongo.Client, es *elasticsearch.Client, namespace string, logger *slog.Logger) (*goatee.Syncer, error) {
	stream, err := source.NewChangeStream(client, namespace)
	if err != nil {
		return nil, err
	}
	existing, err := source.NewDirectRead(client, namespace, source.WithStateful(true))
	if err != nil {
		return nil, err
	}
	positions, err := resume.NewMongo(client.Database(stateDatabase), "positions")
	if err != nil {
		return nil, err
	}
	bulk, err := sink.NewBulk(es)
	if err != nil {
		return nil, err
	}
	return goatee.New(
		goatee.WithSource(stream), goatee.WithSource(existing),
		goatee.WithTransformer(searchable()),
		goatee.WithSink(bulk), goatee.WithPositions(positions), goatee.WithLogger(logger),
	)
}
