package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

const patience = 30 * time.Second

// recorder is a pipeline that keeps what a source emits.
type recorder struct {
	mu      sync.Mutex
	batches []recorded
	err     error
	done    chan struct{}
}

type recorded struct {
	goatee.Position
	head     primitive.Timestamp
	caughtUp bool
	bytes    int
	changes  []goatee.Change
	failed   []goatee.FailedChange
}

// run runs src until the test ends or stop is called.
func run(t *testing.T, src goatee.Source, from goatee.Position) (r *recorder, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r = &recorder{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = src.Run(ctx, from, r.emit)
	}()
	stop = func() error {
		cancel()
		<-r.done
		return r.err
	}
	t.Cleanup(func() {
		if err := stop(); !errors.Is(err, context.Canceled) {
			require.NoError(t, err)
		}
	})
	return r, stop
}

func (r *recorder) emit(ctx context.Context, b *goatee.Batch) error {
	kept := recorded{Position: b.Position, head: b.Head, caughtUp: b.CaughtUp, bytes: b.Bytes}
	for _, f := range b.Failed {
		kept.failed = append(kept.failed, goatee.FailedChange{Change: *f.Change.Clone(), Err: f.Err})
	}
	for i := range b.Changes {
		kept.changes = append(kept.changes, *b.Changes[i].Clone())
	}
	if b.Release != nil {
		b.Release()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, kept)
	return ctx.Err()
}

func (r *recorder) snapshot() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]recorded(nil), r.batches...)
}

func (r *recorder) changes() []goatee.Change {
	var all []goatee.Change
	for _, b := range r.snapshot() {
		all = append(all, b.changes...)
	}
	return all
}

func (r *recorder) failed() []goatee.FailedChange {
	var all []goatee.FailedChange
	for _, b := range r.snapshot() {
		all = append(all, b.failed...)
	}
	return all
}

// lines waits until n changes have come and returns them all as "op namespace id".
func (r *recorder) lines(t *testing.T, n int) []string {
	t.Helper()
	r.eventually(t, func() bool { return len(r.changes()) >= n }, "%d changes", n)
	var lines []string
	for _, c := range r.changes() {
		lines = append(lines, line(t, &c))
	}
	return lines
}

func (r *recorder) eventually(t *testing.T, condition func() bool, what string, args ...any) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			require.FailNow(t, "waited in vain for "+fmt.Sprintf(what, args...), "%v", r.changes())
		case <-r.done:
			if condition() {
				return
			}
			require.FailNow(t, "the source has ended", "%v", r.err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func line(t *testing.T, c *goatee.Change) string {
	t.Helper()
	s := c.Op.String() + " " + c.Namespace.Collection
	if c.Op == goatee.OpDropDatabase {
		s = c.Op.String()
	}
	if !c.ID.IsZero() {
		id, err := bsonjson.AppendID(nil, c.ID.Type, c.ID.Value, bsonjson.IDGoMap)
		require.NoError(t, err)
		s += " " + string(id)
	}
	if c.To != nil {
		s += " to " + c.To.Collection
	}
	return s
}

// m is short for a document in tests.
type m = bson.M

func d(pairs ...any) bson.D {
	doc := bson.D{}
	for i := 0; i < len(pairs); i += 2 {
		doc = append(doc, bson.E{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return doc
}
