package gridfs_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	driver "go.mongodb.org/mongo-driver/mongo/gridfs"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/source"
)

// BenchmarkFiles reads files of 100 KB with the driver alone, one after the other, and through a direct read with their
// content as text.
func BenchmarkFiles(b *testing.B) {
	const files, size = 200, 100_000
	server := testservers.MongoDB(b)
	client := server.Client(b)
	db := client.Database(server.UniqueDB(b))
	bucket, err := driver.NewBucket(db, options.GridFSBucket())
	require.NoError(b, err)
	for range files {
		_, err := bucket.UploadFromStream("a.bin", bytes.NewReader(content(size)))
		require.NoError(b, err)
	}
	b.Run("driver", func(b *testing.B) {
		b.SetBytes(files * size)
		for b.Loop() {
			cursor, err := bucket.FindContext(b.Context(), bson.D{})
			require.NoError(b, err)
			for cursor.Next(b.Context()) {
				_, err := bucket.DownloadToStream(cursor.Current.Lookup("_id"), io.Discard)
				require.NoError(b, err)
			}
			require.NoError(b, cursor.Err())
		}
	})
	b.Run("source", func(b *testing.B) {
		b.SetBytes(files * size)
		b.ReportAllocs()
		for b.Loop() {
			read, err := source.NewDirectRead(client, db.Name()+".fs.files")
			require.NoError(b, err)
			src, err := gridfs.NewSource(read, client)
			require.NoError(b, err)
			n := 0
			require.NoError(b, src.Run(b.Context(), goatee.Position{}, func(_ context.Context, batch *goatee.Batch) error {
				n += len(batch.Changes)
				if batch.Release != nil {
					batch.Release()
				}
				return nil
			}))
			require.Equal(b, files, n)
		}
	})
}
