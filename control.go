package goatee

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// readiness is a state that is reached once.
type readiness struct {
	once sync.Once
	ch   chan struct{}
}

func (r *readiness) set() { r.once.Do(func() { close(r.ch) }) }

func (r *readiness) isSet() bool {
	select {
	case <-r.ch:
		return true
	default:
		return false
	}
}

// Ready returns a channel that is closed when Elasticsearch is usable: the direct reads that were there at the start are
// complete, and every other source has caught up with MongoDB once, or is exhausted. It stays open when one of these
// reads fails. A source that never says CaughtUp counts when it is exhausted.
func (s *Syncer) Ready() <-chan struct{} { return s.ready.ch }

// Add adds a source to the running pipeline: it is checked, its position is restored, where it starts is stored, and then
// it is read like the others. Its name must not be in use. It fails with ErrNotRunning unless this process is at work, so
// not before Run and not on a standby; what is added stays for later leaderships.
func (s *Syncer) Add(ctx context.Context, src Source) error {
	if src == nil {
		return misuse("Add", "the source is nil")
	}
	p := s.pipeline.Load()
	if p == nil || !s.leading.Load() {
		return ErrNotRunning
	}
	s.equip(src)
	if c, ok := As[Checker](src); ok {
		if err := c.Check(ctx); err != nil {
			return err
		}
	}
	if err := p.add(ctx, src); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources = append(s.sources, src)
	return nil
}

func (p *pipeline) add(ctx context.Context, src Source) error {
	p.adding.Lock()
	defer p.adding.Unlock()
	if p.find(src.Name()) != nil {
		return misuse("Add", fmt.Sprintf("a source is named %q already", src.Name()))
	}
	state := newSourceState(p, src)
	if err := state.restore(ctx); err != nil {
		state.cancel(err)
		return err
	}
	if state.direct != nil {
		p.reads.begin(state)
	}
	p.mu.Lock()
	p.sources = append(slices.Clone(p.sources), state)
	p.mu.Unlock()
	// Where it starts is stored before anything is read, as at the start of a run.
	err := p.saver.save(ctx, true)
	if err == nil && !p.begin(state) {
		err = ErrNotRunning
	}
	if err != nil {
		p.drop(state)
	}
	return err
}

// begin starts to read a source that was added. It returns false when the run is ending.
func (p *pipeline) begin(src *sourceState) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.launcher == nil || p.reading.Err() != nil {
		return false
	}
	p.launcher(src)
	return true
}

// Remove stops reading a source, waits until everything it brought is acknowledged, stores its position and forgets it. It
// returns ctx's cause when ctx ends first, and ErrNotRunning when the run does; the source is then not read any more either.
// When the last source is removed, Run ends: add its successor before.
func (s *Syncer) Remove(ctx context.Context, name string) error {
	p := s.pipeline.Load()
	if p == nil || !s.leading.Load() {
		return ErrNotRunning
	}
	src := p.find(name)
	if src == nil {
		return unknownSource("Remove", name)
	}
	s.mu.Lock()
	s.sources = slices.DeleteFunc(slices.Clone(s.sources), func(src Source) bool { return src.Name() == name })
	s.mu.Unlock()
	ctx, cancel := p.whileWorking(ctx)
	defer cancel()
	src.cancel(errRemoved)
	err := src.wait(ctx)
	if err == nil {
		err = p.saver.save(ctx, true)
		p.drop(src)
	}
	if p.work.Err() != nil && src.isOver() { // the run has ended with it, and stores the positions itself
		return nil
	}
	return err
}

// wait returns when the source is not read any more and everything it brought is acknowledged, or with ctx's cause.
func (s *sourceState) wait(ctx context.Context) error {
	select {
	case <-s.ended:
		return s.inFlight.wait(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *sourceState) isOver() bool {
	select {
	case <-s.ended:
		return s.inFlight.isZero()
	default:
		return false
	}
}

// whileWorking returns a context that ends with ctx, and with ErrNotRunning when the run is over.
func (p *pipeline) whileWorking(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(p.work, func() { cancel(ErrNotRunning) })
	return ctx, func() { stop(); cancel(nil) }
}

// drop forgets a source.
func (p *pipeline) drop(src *sourceState) {
	src.cancel(errRemoved)
	if src.direct != nil {
		p.reads.end(src)
	}
	p.mu.Lock()
	p.sources = slices.DeleteFunc(slices.Clone(p.sources), func(s *sourceState) bool { return s == src })
	p.mu.Unlock()
	p.checkReady()
}

// Pause holds sources, all of them when no name is given: they stop at the next batch, and what has been read is still
// applied. A paused source keeps its place; when it is paused for so long that MongoDB's oplog passes it, its position is
// lost. Resume lets it go on. A pause does not outlast a leadership.
func (s *Syncer) Pause(names ...string) error {
	return s.each("Pause", names, func(src *sourceState) { src.gate.close() })
}

// Resume lets sources go on that Pause holds, all of them when no name is given.
func (s *Syncer) Resume(names ...string) error {
	return s.each("Resume", names, func(src *sourceState) { src.gate.open() })
}

func (s *Syncer) each(method string, names []string, do func(*sourceState)) error {
	p := s.pipeline.Load()
	if p == nil || !s.leading.Load() {
		return ErrNotRunning
	}
	sources := p.list()
	if len(names) > 0 {
		sources = nil
		for _, name := range names {
			src := p.find(name)
			if src == nil {
				return unknownSource(method, name)
			}
			sources = append(sources, src)
		}
	}
	for _, src := range sources {
		do(src)
	}
	return nil
}

func unknownSource(method, name string) error {
	return misuse(method, fmt.Sprintf("there is no source named %q", name))
}

// find returns the source of a name, or nil.
func (p *pipeline) find(name string) *sourceState {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, src := range p.sources {
		if src.name == name {
			return src
		}
	}
	return nil
}
