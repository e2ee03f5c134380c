package gridfs_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// countedStore is a bucket read by a client that counts the files it has begun to read.
func countedStore(t *testing.T) (store, *atomic.Int64) {
	t.Helper()
	s := newStore(t, "fs")
	var begun atomic.Int64
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(testservers.MongoDB(t).URI()).
		SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
			if name, _ := e.Command.Lookup("find").StringValueOK(); name == "fs.chunks" {
				begun.Add(1)
			}
		}}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.Background())) })
	s.client = client
	return s, &begun
}

// TestFilesAreReadAheadInOrder: while one is handed on, as many as allowed are read, and one that fails holds its place.
func TestFilesAreReadAheadInOrder(t *testing.T) {
	const files, broken = 9, 4
	for _, downloads := range []int{1, 3, 20} {
		t.Run(fmt.Sprint(downloads), func(t *testing.T) {
			s, begun := countedStore(t)
			var changes []goatee.Change
			for i := range files {
				changes = append(changes, s.upload(content(1000+i)))
			}
			s.damage(changes[broken], bson.M{"n": 0}, nil)
			b := &goatee.Batch{Changes: changes, Position: position(9)}
			handedOn := 0
			err := s.source(inner{b}, gridfs.WithDownloads(downloads)).Run(t.Context(), position(1),
				func(_ context.Context, b *goatee.Batch) error {
					want := int64(min(files, handedOn+downloads))
					require.Eventually(t, func() bool { return begun.Load() >= want }, time.Minute, time.Millisecond)
					require.Equal(t, want, begun.Load())
					if handedOn == broken {
						require.Empty(t, b.Changes)
						require.Len(t, b.Failed, 1)
					} else {
						require.Equal(t, base64.StdEncoding.EncodeToString(content(1000+handedOn)), file(t, &b.Changes[0]))
					}
					handedOn++
					return nil
				})
			require.NoError(t, err)
			require.Equal(t, files, handedOn)
		})
	}
}

// TestWhatIsReadAheadIsBounded: two files that are too large together are read one after the other.
func TestWhatIsReadAheadIsBounded(t *testing.T) {
	s, begun := countedStore(t)
	changes := []goatee.Change{s.uploadLarge(17 << 20), s.uploadLarge(17 << 20), s.upload(content(10))}
	var seen []int64
	err := s.source(inner{{Changes: changes}}, gridfs.WithDownloads(3)).Run(t.Context(), position(1),
		func(_ context.Context, b *goatee.Batch) error {
			require.NotEmpty(t, file(t, &b.Changes[0]))
			if len(seen) == 1 {
				require.Eventually(t, func() bool { return begun.Load() == 3 }, time.Minute, time.Millisecond)
			}
			seen = append(seen, begun.Load())
			return nil
		})
	require.NoError(t, err)
	require.Equal(t, []int64{1, 3, 3}, seen)
}

// TestReadingAheadEndsWithTheRun: nothing reads on when what was handed on is refused, and nothing is released before.
func TestReadingAheadEndsWithTheRun(t *testing.T) {
	s, _ := countedStore(t)
	var changes []goatee.Change
	for range 6 {
		changes = append(changes, s.upload(content(5000)))
	}
	released := 0
	b := &goatee.Batch{Changes: changes, Release: func() { released++ }}
	stop := errors.New("enough")
	err := s.source(inner{b}).Run(t.Context(), position(1), func(_ context.Context, b *goatee.Batch) error {
		require.Zero(t, released)
		b.Release()
		require.Zero(t, released, "others are still being read")
		return stop
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, released)
}
