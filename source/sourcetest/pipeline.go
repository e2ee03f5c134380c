package sourcetest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
)

const (
	patience = 30 * time.Second
	tick     = 5 * time.Millisecond
)

// pipeline keeps what a source emits.
type pipeline struct {
	src    goatee.Source
	from   goatee.Position
	ctx    context.Context // of the one run
	cancel context.CancelFunc
	done   chan struct{} // closed when the run has ended with err
	err    error
	ignore goleak.Option
	finite bool
	keep   bool          // do not release batches
	gate   chan struct{} // emit waits until it is closed, nil to let everything pass
	once   sync.Once

	mu      sync.Mutex
	waiting int // calls of emit that have not returned
	most    int // of them at the same time, ever
	batches []emitted
}

type emitted struct {
	goatee.Position
	ids      []string // of changes and of failed changes
	barriers int
	caughtUp bool
	head     primitive.Timestamp
	newest   primitive.Timestamp // of the changes
	changes  []*goatee.Change
	copies   []string
	batch    *goatee.Batch
}

func (p *pipeline) run() {
	p.once.Do(func() {
		go func() {
			defer close(p.done)
			p.err = p.src.Run(p.ctx, p.from, p.emit)
		}()
	})
}

// stop ends the run, unless it is one that ends by itself and may, and returns its error.
func (p *pipeline) stop() error {
	if p.finite && p.gate == nil {
		select {
		case <-p.done:
		case <-time.After(patience):
		}
	}
	p.cancel()
	p.run() // a run that was never begun ends at once
	<-p.done
	return p.err
}

func (p *pipeline) emit(ctx context.Context, b *goatee.Batch) error {
	p.enter(1)
	defer p.enter(-1)
	if p.gate != nil {
		select {
		case <-p.gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e := emitted{Position: b.Position, caughtUp: b.CaughtUp, head: b.Head}
	for i := range b.Changes {
		c := &b.Changes[i]
		e.note(c)
		e.changes = append(e.changes, c.Clone())
		if p.keep {
			e.copies = append(e.copies, print(c))
		}
	}
	for i := range b.Failed {
		e.note(&b.Failed[i].Change)
	}
	if p.keep {
		e.batch = b
	} else if b.Release != nil {
		defer b.Release()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.batches = append(p.batches, e)
	return ctx.Err()
}

func (e *emitted) note(c *goatee.Change) {
	if c.Op.IsBarrier() {
		e.barriers++
	}
	if !c.ID.IsZero() {
		e.ids = append(e.ids, c.ID.String())
	}
	if c.ClusterTime.After(e.newest) {
		e.newest = c.ClusterTime
	}
}

func (p *pipeline) enter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += n
	p.most = max(p.most, p.waiting)
}

func (p *pipeline) snapshot() []emitted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.batches)
}

// wait returns the ids of all changes when as many as wanted have come, and of a finite source when it has ended.
func (p *pipeline) wait(t *testing.T, want []string) (ids []string) {
	t.Helper()
	if p.finite {
		select {
		case <-p.done:
		case <-time.After(patience):
			require.FailNow(t, "the source does not end")
		}
	}
	require.Eventually(t, func() bool {
		ids = []string{}
		for _, b := range p.snapshot() {
			ids = append(ids, b.ids...)
		}
		return len(ids) >= len(want)
	}, patience, tick, "not every change came")
	return ids
}

// requireOneWaiting checks that exactly one call of emit waits and that nothing has passed.
func (p *pipeline) requireOneWaiting(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.waiting == 1
	}, patience, tick, "emit must be called")
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Equal(t, 1, p.most, "emit must be called by one goroutine at a time")
	require.Empty(t, p.batches)
}

// requireBatches checks what holds for all batches of all sources.
func (p *pipeline) requireBatches(t *testing.T) {
	t.Helper()
	for _, b := range p.snapshot() {
		require.False(t, b.barriers > 0 && b.barriers+len(b.ids) > 1, "a barrier must come alone")
		require.False(t, b.Position.IsZero() && !p.from.IsZero(), "a position never goes back to none")
		require.False(t, !b.head.IsZero() && b.head.Before(b.newest), "the newest time told is not older than a change")
	}
	require.Equal(t, 1, p.most, "emit must be called by one goroutine at a time")
}

// print tells a change apart from any other, by all its bytes.
func print(c *goatee.Change) string {
	raw, err := c.Document.Raw()
	if err != nil {
		return err.Error()
	}
	return c.Op.String() + " " + c.Namespace.String() + " " + c.ID.String() + " " + string(raw)
}
