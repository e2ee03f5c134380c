package faultproxy

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"
)

// settings are the faults in force.
type settings struct {
	refuse    bool
	blackhole bool
	delay     time.Duration
	rate      int      // bytes a second, 0 for no limit
	cutAfter  [2]int64 // bytes left until the cut, by direction; negative for none
	hold      []byte   // what is kept from clients, nil for nothing
}

// holds reports whether b may not go on for now.
func (s *settings) holds(b []byte, direction Direction) bool {
	return s.blackhole || direction == ToClient && s.hold != nil && bytes.Contains(b, s.hold)
}

// faults are settings that change while connections are in use.
type faults struct {
	held    atomic.Int64
	mu      sync.Mutex
	now     settings
	changed chan struct{} // closed at the next change
}

func (f *faults) init() {
	f.now.cutAfter = [2]int64{-1, -1}
	f.changed = make(chan struct{})
}

func (f *faults) change(edit func(*settings)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	edit(&f.now)
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *faults) get() settings {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// pass waits until b may go on and reports whether the link still lives.
func (f *faults) pass(b []byte, direction Direction, done <-chan struct{}) bool {
	for {
		f.mu.Lock()
		held, changed := f.now.holds(b, direction), f.changed
		f.mu.Unlock()
		if !held {
			return true
		}
		if !f.await(changed, done) {
			return false
		}
	}
}

// await waits for a change of the faults and reports whether the link still lives.
func (f *faults) await(changed, done <-chan struct{}) bool {
	f.held.Add(1)
	defer f.held.Add(-1)
	select {
	case <-changed:
		return true
	case <-done:
		return false
	}
}

// take returns how many of n bytes may be forwarded, and whether the link is to be cut behind them.
func (f *faults) take(n int, direction Direction) (allowed int, cut bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := &f.now.cutAfter[direction]
	switch {
	case *left < 0:
		return n, false
	case int64(n) < *left:
		*left -= int64(n)
		return n, false
	default:
		allowed = int(*left)
		*left = -1
		return allowed, true
	}
}
