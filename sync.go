package goatee

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goatee-sync/goatee/internal/backoff"
)

// Syncer carries changes from its sources to its sink. Make one with New and call Run once. Its other methods are safe for
// concurrent use, from the start.
type Syncer struct {
	config
	mu      sync.Mutex // guards config.sources once Run has begun
	running atomic.Bool
	began   atomic.Int64 // Unix nanoseconds of the start of Run
	// pipeline is the one at work, nil before the first.
	pipeline atomic.Pointer[pipeline]
	leading  atomic.Bool
	totals   totals
	ready    readiness
	pace     *Pace
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
	s := &Syncer{config: c, ready: readiness{ch: make(chan struct{})}, pace: NewPace(c.pace)}
	for _, end := range s.ends() {
		s.equip(end)
	}
	return s, nil
}

// equip gives logger, observer and pace to an end of the pipeline and to whatever it wraps.
func (s *Syncer) equip(end any) {
	for ; end != nil; end = unwrap(end) {
		if i, ok := end.(Instrumented); ok {
			i.Instrument(s.logger, s.observer)
		}
		if p, ok := end.(Paced); ok {
			p.SetPace(s.pace)
		}
	}
}

// ends returns everything that was given to New and is not nil.
func (s *Syncer) ends() []any {
	var ends []any
	for _, src := range s.sourceList() {
		ends = append(ends, src)
	}
	if s.transformer != nil {
		ends = append(ends, s.transformer)
	}
	ends = append(ends, s.sink)
	if s.positions != nil {
		ends = append(ends, s.positions)
	}
	if s.elector != nil {
		ends = append(ends, s.elector)
	}
	return ends
}

func (s *Syncer) sourceList() []Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sources)
}

// Run checks both ends, then reads, transforms and writes until ctx ends, every source is exhausted, or it cannot go
// on. Asked to stop, it stops reading, waits for what has been read to be acknowledged (up to the drain time-out),
// stores the positions and returns nil. A run that ends by itself returns an error when documents were refused
// (ErrRefused) or a direct read failed. When it has returned, nothing of it runs any more. It can be called once.
func (s *Syncer) Run(ctx context.Context) error {
	if !s.running.CompareAndSwap(false, true) {
		return ErrAlreadyRun
	}
	s.began.Store(time.Now().UnixNano())
	if s.elector == nil {
		return s.lead(ctx, &Term{Reading: ctx, Writing: context.WithoutCancel(ctx)})
	}
	for attempt := 0; ; attempt++ {
		term, err := s.campaign(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("campaign: %w", err)
		}
		began := time.Now()
		s.logger.Info("leading", "fence", uint64(term.Fence))
		err = s.lead(ctx, term)
		s.resign(ctx, term)
		if ctx.Err() != nil || !lostLeadership(term, err) {
			return err
		}
		s.logger.Warn("leadership lost, standing by", "error", err)
		if time.Since(began) > steadyTerm {
			attempt = 0
		}
		if campaigns.Wait(ctx, attempt, 0) != nil {
			return nil
		}
	}
}

// steadyTerm is how long a leadership must have lasted for its loss to be an event of its own.
const steadyTerm = time.Minute

// campaigns is how long to wait between leaderships that are lost at once: what refuses one may refuse the next.
var campaigns = backoff.Full{Base: time.Second, Max: 30 * time.Second}

func (s *Syncer) campaign(ctx context.Context) (term *Term, err error) {
	panicked := guard(func() error {
		term, err = s.elector.Campaign(ctx)
		return nil
	})
	if err = errors.Join(err, panicked); err == nil && !term.isWhole() {
		err = errors.New("the elector returned a term that lacks something")
	}
	return term, err
}

func (t *Term) isWhole() bool {
	return t != nil && t.Reading != nil && t.Writing != nil && t.Resign != nil
}

func lostLeadership(term *Term, err error) bool {
	return errors.Is(err, ErrFenced) || errors.Is(err, ErrLeadershipLost) ||
		errors.Is(context.Cause(term.Reading), ErrLeadershipLost) || errors.Is(context.Cause(term.Writing), ErrLeadershipLost)
}

func (s *Syncer) resign(ctx context.Context, term *Term) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := guard(func() error { return term.Resign(ctx) }); err != nil {
		s.logger.Warn("resigning failed, the lease will run out", "error", err)
	}
}

// lead is one run from the checks to the last checkpoint.
func (s *Syncer) lead(ctx context.Context, term *Term) error {
	s.leading.Store(true)
	defer s.leading.Store(false)
	if err := s.checkEnds(term.Reading); err != nil {
		return stopped(term, err)
	}
	p := newPipeline(s, term)
	defer p.stopRun(nil)
	defer p.stop(nil)
	if err := p.restore(); err != nil {
		return stopped(term, err)
	}
	s.pipeline.Store(p)
	return p.run(ctx)
}

// stopped makes being asked to stop before anything was read a clean end.
func stopped(term *Term, err error) error {
	if term.Reading.Err() != nil && !errors.Is(context.Cause(term.Reading), ErrLeadershipLost) {
		return nil
	}
	return err
}

func (s *Syncer) checkEnds(ctx context.Context) error {
	for _, end := range s.ends() {
		c, ok := As[Checker](end)
		if !ok {
			continue
		}
		if err := guard(func() error { return c.Check(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// Stats returns a snapshot. It is cheap.
func (s *Syncer) Stats() Stats {
	st := Stats{Started: unixNano(s.began.Load()), Leading: s.leading.Load(), BudgetBytes: s.inFlightBytes, Ready: s.ready.isSet()}
	if p := s.pipeline.Load(); p != nil {
		p.stats(&st)
	}
	if r, ok := As[SinkReporter](s.sink); ok {
		sink := r.SinkStats()
		st.Sink = &sink
	}
	return st
}
