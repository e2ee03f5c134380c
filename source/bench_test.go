package source

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/benchdocs"
	"github.com/goatee-sync/goatee/internal/testservers"
)

const benchDocuments = 50_000

// benchFixture writes the documents and returns the position before them.
func benchFixture(b *testing.B) (f fixture, before goatee.Position) {
	b.Helper()
	server := testservers.MongoDB(b)
	client := server.Client(b)
	f = fixture{server, client, client.Database(server.UniqueDB(b))}
	now, err := clusterTime(b.Context(), client)
	require.NoError(b, err)
	for i := 0; i < benchDocuments; i += 1000 {
		docs := make([]any, 1000)
		for j := range docs {
			docs[j] = benchdocs.Medium(i + j)
		}
		_, err := f.db.Collection("c").InsertMany(b.Context(), docs)
		require.NoError(b, err)
	}
	return f, goatee.Position{ClusterTime: now}
}

// discard releases batches and ends ctx when it has seen all documents.
func discard(cancel func()) goatee.EmitFunc {
	seen := 0
	return func(_ context.Context, batch *goatee.Batch) error {
		seen += len(batch.Changes)
		if batch.Release != nil {
			batch.Release()
		}
		if seen >= benchDocuments {
			cancel()
		}
		return nil
	}
}

func BenchmarkDirectRead(b *testing.B) {
	f, _ := benchFixture(b)
	b.ReportAllocs()
	for b.Loop() {
		read, err := NewDirectRead(f.client, f.db.Name()+".c")
		require.NoError(b, err)
		require.NoError(b, read.Run(b.Context(), goatee.Position{}, discard(func() {})))
	}
	b.ReportMetric(float64(b.N)*benchDocuments/b.Elapsed().Seconds(), "docs/s")
}

func BenchmarkChangeStream(b *testing.B) {
	f, before := benchFixture(b)
	b.ReportAllocs()
	for b.Loop() {
		stream, err := NewChangeStream(f.client, f.db.Name()+".c")
		require.NoError(b, err)
		ctx, cancel := context.WithCancel(b.Context())
		require.ErrorIs(b, stream.Run(ctx, before, discard(cancel)), context.Canceled)
		cancel()
	}
	b.ReportMetric(float64(b.N)*benchDocuments/b.Elapsed().Seconds(), "docs/s")
}
