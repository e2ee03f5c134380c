package sink

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/backoff"
)

// busyAttempts is how often in a row Elasticsearch may ask a write to slow down before that is news: under load it does
// so all the time.
const busyAttempts = 4

// health knows whether a server answers and reports changes of that, once each, whatever the number of writes. What
// Elasticsearch answers about a single document or index has no part in it.
type health struct {
	component string // whose health it is
	logger    *slog.Logger
	observer  goatee.Observer

	down    atomic.Bool // reported as down
	mu      sync.Mutex  // guards what follows, and changes of down
	failing int         // writes in a run of failures
	since   time.Time
}

// newHealth returns the health of a server that answers. Without logger and observer, changes are reported to
// those of the Syncer once it has given them.
func newHealth(component string, logger *slog.Logger, observer *goatee.Observer) *health {
	h := &health{component: component, logger: logger}
	if logger == nil {
		h.logger = slog.New(slog.DiscardHandler)
	}
	if observer != nil {
		h.observer = *observer
	}
	return h
}

// run is the run of failures of one write.
type run struct {
	health  *health
	attempt int
	failing bool
}

// failed notes a failed attempt; busy means that Elasticsearch is well and asks for less.
func (r *run) failed(err error, busy bool) {
	r.attempt++
	if r.failing || busy && r.attempt < busyAttempts {
		return
	}
	r.failing = true
	h := r.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failing++
	if h.down.Load() {
		return
	}
	h.down.Store(true)
	h.since = time.Now()
	h.logger.Warn(h.component+" does not answer as it should; retrying", "error", err, "attempt", r.attempt)
	h.report(err)
}

// worked ends the run: everything it was about is settled.
func (r *run) worked() {
	r.end()
	r.attempt = 0
	h := r.health
	if !h.down.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failing > 0 || !h.down.Load() {
		return // another write still fails
	}
	h.down.Store(false)
	h.logger.Info(h.component+" answers again", "after", time.Since(h.since).Round(time.Millisecond))
	h.report(nil)
}

// end forgets the run without reporting anything: its write has ended.
func (r *run) end() {
	if !r.failing {
		return
	}
	r.failing = false
	r.health.mu.Lock()
	defer r.health.mu.Unlock()
	r.health.failing--
}

// wait waits before the next attempt.
func (r *run) wait(ctx context.Context, b backoff.Full, atLeast time.Duration) error {
	return b.Wait(ctx, r.attempt-1, atLeast)
}

// report tells the observer. One that panics harms nobody else.
func (h *health) report(err error) {
	if h.observer.State == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil {
			h.logger.Error("the observer panicked", "panic", v)
		}
	}()
	h.observer.State(goatee.StateInfo{Component: h.component, Err: err})
}
