package electortest_test

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster/electortest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnElectorInMemoryConforms(t *testing.T) {
	electortest.Run(t, electortest.Subject{New: func(*testing.T) (a, b goatee.Elector, lose func()) {
		office := newOffice()
		return office, office, office.lose
	}})
}

// office is the smallest elector: the candidates are goroutines of one process.
type office struct {
	mu     sync.Mutex
	last   goatee.Fence
	holder *term         // nil when it is free
	freed  chan struct{} // closed and replaced when it becomes free
}

type term struct{ endReading, endWriting context.CancelCauseFunc }

func newOffice() *office { return &office{freed: make(chan struct{})} }

func (o *office) Campaign(ctx context.Context) (*goatee.Term, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		term, freed := o.take(ctx)
		if term != nil {
			return term, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
		}
	}
}

func (o *office) take(ctx context.Context) (won *goatee.Term, freed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holder != nil {
		return nil, o.freed
	}
	o.last++
	t := new(term)
	won = &goatee.Term{Fence: o.last}
	won.Reading, t.endReading = context.WithCancelCause(ctx)
	won.Writing, t.endWriting = context.WithCancelCause(context.WithoutCancel(ctx))
	won.Resign = func(context.Context) error {
		o.free(t, context.Canceled)
		return nil
	}
	o.holder = t
	return won, nil
}

// free ends a term, then lets another one begin.
func (o *office) free(t *term, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t.endWriting(cause)
	t.endReading(cause)
	if o.holder == t {
		o.holder = nil
		close(o.freed)
		o.freed = make(chan struct{})
	}
}

func (o *office) lose() {
	o.mu.Lock()
	holder := o.holder
	o.mu.Unlock()
	if holder != nil {
		o.free(holder, goatee.ErrLeadershipLost)
	}
}
