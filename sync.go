package goatee

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Syncer carries changes from its sources to its sink. Make one with New and call Run once.
type Syncer struct {
	config
	running atomic.Bool
	// pipeline is the one at work, nil before the first: for Stats.
	pipeline atomic.Pointer[pipeline]
	leading  atomic.Bool
}

// New checks options and returns a Syncer. It does no I/O and starts no goroutines.
func New(opts ...Option) (*Syncer, error) {
	c := defaults()
	for _, o := range opts {
		if err := o(&c); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Syncer{config: c}, nil
}

// Run checks both ends, then reads, transforms and writes until ctx ends, every source is exhausted, or it cannot go
// on. Asked to stop, it stops reading, waits for what has been read to be acknowledged (up to the drain time-out),
// stores the positions and returns nil. When it has returned, nothing of it runs any more. It can be called once.
func (s *Syncer) Run(ctx context.Context) error {
	if !s.running.CompareAndSwap(false, true) {
		return ErrAlreadyRun
	}
	if s.elector == nil {
		return s.lead(ctx, 0)
	}
	for {
		term, err := s.elector.Campaign(ctx)
		if ctx.Err() != nil && err != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("campaign: %w", err)
		}
		leading := term.Reading
		s.logger.Info("leading", "fence", uint64(term.Fence))
		err = s.lead(leading, term.Fence)
		s.resign(ctx, term.Resign)
		if !lostLeadership(leading, err) || ctx.Err() != nil {
			return err
		}
		s.logger.Warn("leadership lost, standing by", "cause", context.Cause(leading))
	}
}

func lostLeadership(leading context.Context, err error) bool {
	return errors.Is(err, ErrFenced) || errors.Is(err, ErrLeadershipLost) ||
		errors.Is(context.Cause(leading), ErrLeadershipLost)
}

func (s *Syncer) resign(ctx context.Context, resign func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := resign(ctx); err != nil {
		s.logger.Warn("resigning failed, the lease will run out", "error", err)
	}
}

// lead is one run from the checks to the last checkpoint.
func (s *Syncer) lead(ctx context.Context, fence Fence) error {
	s.leading.Store(true)
	defer s.leading.Store(false)
	if err := s.checkEnds(ctx); err != nil {
		return stopped(ctx, err)
	}
	p := newPipeline(&s.config, fence)
	if err := p.restore(ctx); err != nil {
		return stopped(ctx, err)
	}
	s.pipeline.Store(p)
	return p.run(ctx)
}

// stopped makes being asked to stop before anything was read a clean end.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), ErrLeadershipLost) {
		return nil
	}
	return err
}

func (s *Syncer) checkEnds(ctx context.Context) error {
	var ends []any
	for _, src := range s.sources {
		ends = append(ends, src)
	}
	for _, end := range append(ends, s.transformer, s.sink, s.positions) {
		c, ok := As[Checker](end)
		if !ok {
			continue
		}
		if err := c.Check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns a snapshot. It is cheap and safe for concurrent use.
func (s *Syncer) Stats() Stats {
	st := Stats{Leading: s.leading.Load(), BudgetBytes: s.inFlightBytes}
	if p := s.pipeline.Load(); p != nil {
		p.stats(&st)
	}
	if r, ok := As[SinkReporter](s.sink); ok {
		sink := r.SinkStats()
		st.Sink = &sink
	}
	return st
}
