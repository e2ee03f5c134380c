// Package budget bounds the bytes that are in flight, first come, first served.
package budget

import (
	"container/list"
	"context"
	"sync"
)

// Budget hands out a limited number of bytes. It is safe for concurrent use.
type Budget struct {
	mu      sync.Mutex
	size    int64
	used    int64
	waiting list.List // of *waiter, oldest first, so that a large request is not starved by small ones
}

type waiter struct {
	n     int64
	ready chan struct{}
}

// New returns a budget of size bytes.
func New(size int64) *Budget { return &Budget{size: size} }

// Acquire waits until n bytes are free or ctx ends. It returns what it took: a request larger than the whole budget
// takes all of it, so that it passes alone.
func (b *Budget) Acquire(ctx context.Context, n int64) (int64, error) {
	n = min(n, b.size)
	b.mu.Lock()
	if b.waiting.Len() == 0 && b.used+n <= b.size {
		b.used += n
		b.mu.Unlock()
		return n, nil
	}
	w := &waiter{n: n, ready: make(chan struct{})}
	e := b.waiting.PushBack(w)
	b.mu.Unlock()

	select {
	case <-w.ready:
		return n, nil
	case <-ctx.Done():
		return b.abandon(ctx, e, w)
	}
}

func (b *Budget) abandon(ctx context.Context, e *list.Element, w *waiter) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready: // granted while ctx ended: the caller decides with what it has
		return w.n, nil
	default:
	}
	b.waiting.Remove(e)
	b.grant()
	return 0, context.Cause(ctx)
}

// Release gives n bytes back.
func (b *Budget) Release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.grant()
}

// Used returns the bytes handed out.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

func (b *Budget) grant() {
	for e := b.waiting.Front(); e != nil; e = b.waiting.Front() {
		w := e.Value.(*waiter)
		if b.used+w.n > b.size {
			return
		}
		b.used += w.n
		b.waiting.Remove(e)
		close(w.ready)
	}
}
