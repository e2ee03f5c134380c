package source_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/source/sourcetest"
)

// writer returns a collection's name and a function that inserts into it, one by one.
func writer(t *testing.T) (client *mongo.Client, namespace string, write func(int) []string) {
	server := testservers.MongoDB(t)
	client = server.Client(t)
	collection := client.Database(server.UniqueDB(t)).Collection("c")
	n := 0
	return client, collection.Database().Name() + ".c", func(count int) (ids []string) {
		for range count {
			id := fmt.Sprintf("document %03d", n)
			_, err := collection.InsertOne(t.Context(), bson.D{{Key: "_id", Value: id}, {Key: "n", Value: n}})
			require.NoError(t, err)
			ids = append(ids, fmt.Sprintf("%q", id))
			n++
		}
		return ids
	}
}

func TestChangeStreamConforms(t *testing.T) {
	sourcetest.Run(t, sourcetest.Subject{
		New: func(t *testing.T) (goatee.Source, goatee.Position, func(int) []string) {
			client, namespace, write := writer(t)
			stream, err := source.NewChangeStream(client, namespace, source.WithBatchSize(7),
				source.WithMaxAwait(50*time.Millisecond))
			require.NoError(t, err)
			from, err := stream.Start(t.Context())
			require.NoError(t, err)
			return stream, from, write
		},
		Features: sourcetest.Features{Ordered: true, Resumable: true, CatchesUp: true},
	})
}

func TestDirectReadConforms(t *testing.T) {
	sourcetest.Run(t, sourcetest.Subject{
		New: func(t *testing.T) (goatee.Source, goatee.Position, func(int) []string) {
			client, namespace, write := writer(t)
			read, err := source.NewDirectRead(client, namespace, source.WithChunkBytes(200), source.WithParallel(4))
			require.NoError(t, err)
			return read, goatee.Position{}, write
		},
		Features: sourcetest.Features{Finite: true},
	})
}
