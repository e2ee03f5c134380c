package source

import (
	"sync"

	"go.mongodb.org/mongo-driver/bson/primitive"
)

// readTimes knows the cluster times of the cursors of one read, and so the oldest that a document still to come may
// carry. Times never run backwards in it, not even when a new primary's clock is behind the old one's: a read after a
// later time brings nothing older. Safe for concurrent use.
type readTimes struct {
	mu     sync.Mutex
	latest primitive.Timestamp
	active map[*chunk]primitive.Timestamp
}

// begin notes that c will be read, with a time that is not captured yet but cannot be older than the latest.
func (t *readTimes) begin(c *chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active == nil {
		t.active = make(map[*chunk]primitive.Timestamp)
	}
	t.active[c] = t.latest
}

// capture notes the time of c's next cursor and returns it.
func (t *readTimes) capture(c *chunk, now primitive.Timestamp) primitive.Timestamp {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.After(t.latest) {
		t.latest = now
	}
	t.active[c] = t.latest
	return t.latest
}

// end notes that c is complete.
func (t *readTimes) end(c *chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.active, c)
}

// low returns the oldest time that a document still to come may carry.
func (t *readTimes) low() primitive.Timestamp {
	t.mu.Lock()
	defer t.mu.Unlock()
	low := t.latest
	for _, active := range t.active {
		if active.Before(low) {
			low = active
		}
	}
	return low
}
