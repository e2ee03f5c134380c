package source

import (
	"log/slog"
	"sync"

	"github.com/goatee-sync/goatee"
)

// health tells log and observer when a reader cannot read from MongoDB and when it can again: once per change of state,
// however many attempts fail. Safe for concurrent use.
type health struct {
	component string

	mu      sync.Mutex
	log     *slog.Logger           // guarded by mu
	observe func(goatee.StateInfo) // guarded by mu; nil if nobody is to be told
	down    bool                   // guarded by mu
}

// newHealth returns the health of a reader. What its options leave open comes with instrument.
func newHealth(component string, c *config) *health {
	h := &health{component: component, log: slog.New(slog.DiscardHandler)}
	h.instrument(c, c.logger, c.observer)
	return h
}

// instrument sets logger and observer where the reader's options do not.
func (h *health) instrument(c *config, logger *slog.Logger, observer *goatee.Observer) {
	if c.logger != nil {
		logger = c.logger
	}
	if c.observer != nil {
		observer = c.observer
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if logger != nil {
		h.log = logger.With("source", h.component)
	}
	if observer != nil {
		h.observe = observer.State
	}
}

func (h *health) logger() *slog.Logger {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log
}

func (h *health) failed(err error) {
	if log, observe, changed := h.change(true); changed {
		log.Warn("reading from MongoDB failed; trying again until it works", "error", err)
		if observe != nil {
			observe(goatee.StateInfo{Component: h.component, Err: err})
		}
	}
}

func (h *health) recovered() {
	if log, observe, changed := h.change(false); changed {
		log.Info("reading from MongoDB works again")
		if observe != nil {
			observe(goatee.StateInfo{Component: h.component})
		}
	}
}

// change notes the state. If it is another one, the caller reports it.
func (h *health) change(down bool) (log *slog.Logger, observe func(goatee.StateInfo), changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.down != down
	h.down = down
	return h.log, h.observe, changed
}
