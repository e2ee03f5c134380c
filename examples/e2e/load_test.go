package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
)

// loadOptions say how much is written where.
type loadOptions struct {
	collections []string
	ids         int           // different _ids per collection
	pause       time.Duration // of each writer between two operations
	tolerant    bool          // errors are expected, because MongoDB suffers
}

// load changes random documents in all the ways there are, until it is stopped.
type load struct {
	options loadOptions
	client  *mongo.Client
	db      *mongo.Database
	done    atomic.Int64
	failed  atomic.Pointer[error]
	cancel  context.CancelFunc
	writers sync.WaitGroup
}

const loadWriters = 2

// startLoad creates the collections, with half of the ids in them, and starts writing.
func (s *stack) startLoad(t testing.TB, o loadOptions) *load {
	t.Helper()
	s.preload(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	db := s.client.Database(s.db.Name(), options.Database().SetWriteConcern(writeconcern.Majority()))
	l := &load{options: o, client: s.client, db: db, cancel: cancel}
	for i := range loadWriters {
		w := &writer{load: l, dice: dice(t, uint64(i)+1)}
		l.writers.Go(func() { w.run(ctx) })
	}
	t.Cleanup(func() { l.cancel(); l.writers.Wait() })
	return l
}

func (s *stack) preload(t testing.TB, o loadOptions) {
	t.Helper()
	r := dice(t, 0)
	for _, name := range o.collections {
		var docs []any
		for i := range o.ids {
			if i/14%2 == 0 { // ids of all types
				docs = append(docs, withID(idOf(i), fieldsOf(r)))
			}
		}
		_, err := s.db.Collection(name).InsertMany(t.Context(), docs)
		require.NoError(t, err)
	}
}

// stop ends the load when what is under way is done.
func (l *load) stop(t testing.TB) {
	t.Helper()
	l.cancel()
	l.writers.Wait()
	if err := l.failed.Load(); err != nil {
		t.Fatalf("the load failed: %v", *err)
	}
	t.Logf("%d operations", l.done.Load())
}

// more waits until n more operations have succeeded.
func (l *load) more(t testing.TB, n int64) {
	t.Helper()
	until := l.done.Load() + n
	require.Eventually(t, func() bool { return l.done.Load() >= until || l.failed.Load() != nil }, patience, tick)
}

// writer is one of the goroutines of a load.
type writer struct {
	load *load
	dice *rand.Rand
}

func (w *writer) run(ctx context.Context) {
	for ctx.Err() == nil {
		// What has begun is finished: a cancelled write might still happen later.
		err := w.operation(context.WithoutCancel(ctx))
		switch {
		case err == nil:
			w.load.done.Add(1)
		case !w.load.options.tolerant && !expectedError(err):
			w.load.failed.CompareAndSwap(nil, &err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.load.options.pause):
		}
	}
}

// expectedError reports whether an error is due to two writers meeting at a document.
func expectedError(err error) bool {
	var server mongo.ServerError
	return mongo.IsDuplicateKeyError(err) ||
		errors.As(err, &server) && (server.HasErrorLabel("TransientTransactionError") || server.HasErrorCode(112))
}

// operation does one random thing. In the end a document may or may not be there, whatever it was before.
func (w *writer) operation(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	names := w.load.options.collections
	c := w.load.db.Collection(names[w.dice.IntN(len(names))])
	id := idOf(w.dice.IntN(w.load.options.ids))
	operations := []func(context.Context, *mongo.Collection, any) error{
		w.insert, w.insert, w.update, w.update, w.update, w.pipeline, w.replace, w.replace, w.delete, w.delete,
		w.reinsert, w.reinsert, w.updateMany, w.updateTwice, w.insertAndDelete, w.deleteAndInsert, w.bulk,
	}
	i := w.dice.IntN(len(operations))
	if err := operations[i](ctx, c, id); err != nil {
		return fmt.Errorf("operation %d on %v: %w", i, id, err)
	}
	return nil
}
