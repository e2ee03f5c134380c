package goatee

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// dispatch gives each change of a batch to the lane its document is in, and those that are in none to the idlest lanes,
// neighbours together. Called by one goroutine per source.
func (s *sourceState) dispatch(ctx context.Context, t *tracked) error {
	n, share := 0, s.share(t)
	small := t.granted < gatherBytes
	free, left := s.idlest(small), share
	for i := range t.batch.Changes {
		c := &t.batch.Changes[i]
		if c.Op.IsBarrier() {
			return s.notAlone(c)
		}
		if s.own != nil && s.own[c.Namespace] {
			continue
		}
		h := s.hash.change(c)
		l := s.p.routes.claim(h, free)
		if s.parts[l] == nil {
			s.parts[l] = newPart(t)
			n++
		}
		s.parts[l].add(item{change: c, hash: h, t: t})
		if left--; left == 0 {
			free, left = s.idlest(small), share
		}
	}
	if n == 0 {
		t.settle()
		return nil
	}
	t.parts.Store(int32(n))
	t.open.Store(int32(n))
	s.p.busy.add(n)
	for i, part := range s.parts {
		if part == nil {
			continue
		}
		s.parts[i] = nil
		if err := s.p.lanes[i].put(ctx, part); err != nil {
			clear(s.parts)
			return err
		}
	}
	return nil
}

func (s *sourceState) notAlone(c *Change) error {
	clear(s.parts)
	return fmt.Errorf("source %s: a %s must be alone in its batch", s.name, c.Op)
}

// share returns how many changes of a batch go to one lane: all of them if about as many such batches as there are lanes
// fit into the budget, because each lane makes requests of its own. But where transforming takes its time, many lanes are
// faster than one.
func (s *sourceState) share(t *tracked) int {
	n, lanes := len(t.batch.Changes), len(s.parts)
	parts := lanes
	if s.p.transformer == nil || !s.p.transforming.slow(n) {
		batches := max(1, (s.p.inFlightBytes+t.granted/2)/t.granted)
		parts = ceil(lanes, int(min(batches, int64(lanes))))
	}
	return ceil(n, parts)
}

func ceil(a, b int) int { return (a + b - 1) / b }

// idlest returns the lane with the least to do. One that waits for more takes what is small.
func (s *sourceState) idlest(small bool) int {
	best, least := 0, int64(math.MaxInt64)
	for i, l := range s.p.lanes {
		if small && l.gathering.Load() {
			return i
		}
		load := l.load.Load()
		if p := s.parts[i]; p != nil {
			load += int64(p.bytes)
		}
		if load < least {
			best, least = i, load
		}
	}
	return best
}

// slowTransform is how long one lane may be transforming a batch before others are to help.
const slowTransform = 10 * time.Millisecond

// pace is how long a change took to transform lately.
type pace struct{ nanos atomic.Int64 } // 0 as long as nothing is known

// observe learns from the time n changes took.
func (p *pace) observe(took time.Duration, n int) {
	each := max(int64(took)/int64(n), 1)
	if old := p.nanos.Load(); old != 0 {
		each = (3*old + each) / 4
	}
	p.nanos.Store(each) // of what several lanes observe at once, one observation is enough
}

// slow reports whether n changes take a lane too long, or may.
func (p *pace) slow(n int) bool {
	each := p.nanos.Load()
	return each == 0 || each > int64(slowTransform)/int64(n)
}
