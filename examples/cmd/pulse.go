package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goatee-sync/goatee"
)

const (
	pulseInterval = 5 * time.Second
	// stuckAfter is how long changes may wait without one being acknowledged before the process counts as stuck. It is
	// well above the longest time a healthy write takes with its retries.
	stuckAfter = 5 * time.Minute
)

// pulse knows whether the pipeline makes progress and which end does not answer. A pipeline that waits for a server that
// is known to be down, or for an index that takes no writes, is not stuck: a restart would not help. It is safe for
// concurrent use.
type pulse struct {
	mu       sync.Mutex
	down     map[string]error
	lastAck  time.Time
	progress time.Time // when there was last a sign of life
	now      func() time.Time
}

func newPulse(now func() time.Time) *pulse {
	return &pulse{down: map[string]error{}, progress: now(), now: now}
}

// observer keeps track of the ends that are down.
func (p *pulse) observer() goatee.Observer {
	return goatee.Observer{State: func(s goatee.StateInfo) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if s.Err == nil {
			delete(p.down, s.Component)
		} else {
			p.down[s.Component] = s.Err
		}
	}}
}

// run looks at the pipeline until ctx ends.
func (p *pulse) run(ctx context.Context, stats func() goatee.Stats) {
	every(ctx, pulseInterval, func() { p.look(stats()) })
}

func (p *pulse) look(st goatee.Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if st.InFlightBytes == 0 || st.Waiting > 0 || !st.LastAck.Equal(p.lastAck) || len(p.down) > 0 {
		p.progress = p.now()
	}
	p.lastAck = st.LastAck
}

// stuck says why the process should be restarted, or nothing.
func (p *pulse) stuck() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if waited := p.now().Sub(p.progress); waited > stuckAfter {
		return fmt.Errorf("stuck: changes wait and none was acknowledged for %v", waited.Round(time.Second))
	}
	return nil
}

// unreachable names the ends that are down, or is empty.
func (p *pulse) unreachable() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(p.down)), ", ")
}

// every calls f at each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, f func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f()
		}
	}
}
