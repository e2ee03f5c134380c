package goatee

import (
	"context"
	"sync"
	"time"
)

// Pace is how often sources ask for what is new while little is new at a time, so that everything behind them, look-ups
// and bulk requests above all, is about many changes at once. A change that comes alone is asked for at once, and so is
// everything as long as replies are large. It is shared by the sources of a Syncer, which are released together, so
// that they do not multiply the requests. It is safe for concurrent use; a nil Pace makes nobody wait.
type Pace struct {
	interval time.Duration

	mu     sync.Mutex
	tokens float64   // to ask with; fewer than 0 are never there
	at     time.Time // when tokens was right
	group  *paceGroup
	busy   time.Time // until then changes come in numbers
}

// paceGroup are the sources that wait for the next release.
type paceGroup struct {
	cost float64
	due  time.Time
	done chan struct{} // closed when they are released
}

// Paced is a Source that keeps the Syncer's pace. New hands it over, before Run.
type Paced interface {
	SetPace(p *Pace)
}

const (
	// paceBurst is how many tokens are kept while little changes: for six lone changes in a row.
	paceBurst = 5
	// fewEvents is how many changes a reply may bring to cost fewPrice tokens. One that brings more costs manyPrice: as
	// many tokens as come in each interval.
	fewEvents = 2
	fewPrice  = 0.8
	manyPrice = 2.0
	// fullReply is the size of replies that have no limit.
	fullReply = 512 << 10
	// gatherTime is how long a lane waits for what comes at about the same time, while changes come in numbers.
	gatherTime = 3 * time.Millisecond
	// gatherBytes is the size of a batch that is not waited with.
	gatherBytes = fullReply
)

// NewPace returns a pace of one request in each interval while changes come in numbers; 0 is no limit.
func NewPace(interval time.Duration) *Pace {
	if interval == 0 {
		return nil
	}
	return &Pace{interval: interval, tokens: paceBurst}
}

// Wait returns when a source may ask again whose last reply brought so many changes and bytes, or with ctx's cause when
// ctx ends first.
func (p *Pace) Wait(ctx context.Context, changes, bytes int) error {
	if p == nil || changes == 0 || bytes >= fullReply {
		return nil
	}
	cost := fewPrice
	if changes > fewEvents {
		cost = manyPrice
	}
	g := p.join(cost)
	if g == nil {
		return nil
	}
	timer := time.NewTimer(time.Until(g.due))
	defer timer.Stop()
	select {
	case <-timer.C:
		p.release(g)
	case <-g.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// join takes tokens if there are enough and nobody waits for any, or returns the group to wait with.
func (p *Pace) join(cost float64) *paceGroup {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.refill(now)
	if p.group == nil && p.tokens >= cost {
		p.tokens -= cost
		return nil
	}
	if p.group == nil {
		missing := (cost - p.tokens) / manyPrice
		p.group = &paceGroup{cost: cost, due: now.Add(time.Duration(missing * float64(p.interval))), done: make(chan struct{})}
	}
	return p.group
}

// release lets a group go: one request of each of its sources counts as one in all.
func (p *Pace) release(g *paceGroup) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.group != g {
		return // somebody else of the group was quicker
	}
	now := time.Now()
	p.refill(now)
	p.tokens = max(0, p.tokens-g.cost)
	p.busy = now.Add(p.interval)
	p.group = nil
	close(g.done)
}

func (p *Pace) refill(now time.Time) {
	if !p.at.IsZero() {
		p.tokens = min(paceBurst, p.tokens+manyPrice*float64(now.Sub(p.at))/float64(p.interval))
	}
	p.at = now
}

// gather returns how long a lane should wait for what comes at about the same time as what it has.
func (p *Pace) gather() time.Duration {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().After(p.busy) {
		return 0
	}
	return gatherTime
}
