package source

import (
	"log/slog"
	"sync"

	"github.com/goatee-sync/goatee"
)

// health tells log and observer when a reader loses MongoDB and when it has it back: once per change of state, however
// many attempts there are. Safe for concurrent use.
type health struct {
	component string
	log       *slog.Logger
	observe   func(goatee.StateInfo)

	mu   sync.Mutex
	down bool // guarded by mu
}

func newHealth(component string, c *common) *health {
	return &health{component: component, log: c.logger.With("source", component), observe: c.observer.State}
}

func (h *health) failed(err error) {
	if !h.change(true) {
		return
	}
	h.log.Warn("reading from MongoDB failed; trying again until it works", "error", err)
	if h.observe != nil {
		h.observe(goatee.StateInfo{Component: h.component, Err: err})
	}
}

func (h *health) recovered() {
	if !h.change(false) {
		return
	}
	h.log.Info("reading from MongoDB works again")
	if h.observe != nil {
		h.observe(goatee.StateInfo{Component: h.component})
	}
}

func (h *health) change(down bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := h.down != down
	h.down = down
	return changed
}
