package sink

import (
	"context"
	"slices"
	"sync"
)

// load is what an answer tells about the load of the server.
type load uint8

const (
	// unclear: nothing, as when there was no answer.
	unclear load = iota
	// good: the server has taken the request.
	good
	// busy: it asks for less.
	busy
)

// limiter bounds how many bulk requests are under way at once. There is no bound until Elasticsearch says that it is
// busy: that halves it, and as many good answers as the bound is large widen it by one, until it binds no longer.
type limiter struct {
	mu      sync.Mutex
	bound   int // 0: none
	active  int
	peak    int // of active while there was no bound
	good    int // good answers since the bound last moved
	waiting []chan struct{}
}

// acquire waits for its turn. It returns ctx's cause when ctx ends first.
func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	if l.free() && len(l.waiting) == 0 {
		l.enter()
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiting = append(l.waiting, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		l.leave(turn)
		return context.Cause(ctx)
	}
}

// leave stops waiting, or gives the turn back when it has come in the same instant.
func (l *limiter) leave(turn chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.waiting, turn); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		return
	}
	l.active--
	l.admit()
}

// release ends a request.
func (l *limiter) release(told load) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case told == busy:
		if l.bound == 0 {
			l.bound = l.active
		}
		l.bound, l.good = max(l.bound/2, 1), 0
	case told == good && l.bound > 0:
		if l.good++; l.good >= l.bound {
			l.bound, l.good = l.bound+1, 0
		}
		if l.bound >= l.peak {
			l.bound = 0
		}
	}
	l.active--
	l.admit()
}

// admit lets in as many as there is room for, in the order they came.
func (l *limiter) admit() {
	for len(l.waiting) > 0 && l.free() {
		close(l.waiting[0])
		l.waiting = l.waiting[1:]
		l.enter()
	}
}

func (l *limiter) free() bool { return l.bound == 0 || l.active < l.bound }

func (l *limiter) enter() {
	l.active++
	if l.bound == 0 {
		l.peak = max(l.peak, l.active)
	}
}
