// Package budget bounds the bytes that are in flight, first come, first served.
//
// Batches wait for their bytes. What is kept for other reasons is counted without waiting, and leaves less for batches;
// but a batch is admitted alone even then, unless what is held fills the whole budget, so that there is always progress.
package budget

import (
	"container/list"
	"context"
	"sync"
)

// Budget hands out a limited number of bytes. It is safe for concurrent use.
type Budget struct {
	mu       sync.Mutex
	size     int64
	granted  int64     // to batches
	held     int64     // by Hold
	reserved int64     // by Reserve
	waiting  list.List // of *waiter, oldest first, so that a large request is not starved by small ones
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
	if b.waiting.Len() == 0 && b.admits(n) {
		b.granted += n
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

// admits reports whether a batch of n bytes may pass now: into what is left, or alone.
func (b *Budget) admits(n int64) bool {
	return b.granted+b.held+b.reserved+n <= b.size || b.granted == 0 && b.held < b.size
}

// Release gives back n bytes that Acquire granted.
func (b *Budget) Release(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.granted -= n
	b.grant()
}

// Hold counts n bytes that stay after their batch has been released, less than none to give them back. When all that is
// held fills the budget nothing more is admitted.
func (b *Budget) Hold(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += n
	b.grant()
}

// Reserve counts n bytes of bookkeeping that reading itself will make unnecessary, less than none to give them back.
// However many there are, batches are admitted one at a time.
func (b *Budget) Reserve(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved += n
	b.grant()
}

// Used returns all bytes that are counted.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.granted + b.held + b.reserved
}

func (b *Budget) grant() {
	for e := b.waiting.Front(); e != nil; e = b.waiting.Front() {
		w := e.Value.(*waiter)
		if !b.admits(w.n) {
			return
		}
		b.granted += w.n
		b.waiting.Remove(e)
		close(w.ready)
	}
}
