package gridfs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/source/sourcetest"
)

// subject wraps a source of empty files.
func subject(
	features sourcetest.Features, inner func(*testing.T, *mongo.Client, string) (goatee.Source, goatee.Position),
) sourcetest.Subject {
	return sourcetest.Subject{Features: features, New: func(t *testing.T) (goatee.Source, goatee.Position, func(int) []string) {
		server := testservers.MongoDB(t)
		client := server.Client(t)
		files := client.Database(server.UniqueDB(t)).Collection("fs.files")
		in, from := inner(t, client, files.Database().Name()+".fs.files")
		src, err := gridfs.NewSource(in, client)
		require.NoError(t, err)
		n := 0
		return src, from, func(count int) (ids []string) {
			for range count {
				id := fmt.Sprintf("file %03d", n)
				_, err := files.InsertOne(t.Context(), bson.D{{Key: "_id", Value: id}, {Key: "length", Value: 0}})
				require.NoError(t, err)
				ids = append(ids, fmt.Sprintf("%q", id))
				n++
			}
			return ids
		}
	}}
}

// TestConformance: the wrapper keeps what it wraps. The parts of a batch have the position before it, so that a run from
// there repeats some of them.
func TestConformance(t *testing.T) {
	stream := func(t *testing.T, client *mongo.Client, ns string) (goatee.Source, goatee.Position) {
		stream, err := source.NewChangeStream(client, ns, source.WithBatchSize(7), source.WithMaxAwait(50*time.Millisecond))
		require.NoError(t, err)
		from, err := stream.Start(t.Context())
		require.NoError(t, err)
		return stream, from
	}
	read := func(t *testing.T, client *mongo.Client, ns string) (goatee.Source, goatee.Position) {
		read, err := source.NewDirectRead(client, ns)
		require.NoError(t, err)
		return read, goatee.Position{}
	}
	t.Run("change stream", func(t *testing.T) {
		sourcetest.Run(t, subject(sourcetest.Features{Ordered: true, CatchesUp: true}, stream))
	})
	t.Run("direct read", func(t *testing.T) {
		sourcetest.Run(t, subject(sourcetest.Features{Finite: true}, read))
	})
}
