package goatee

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/goatee-sync/goatee/internal/budget"
)

// errReadsDone is a cause of the end of reading that is not a failure.
var errReadsDone = errors.New("every direct read is complete")

// pipeline is what runs between the sources and the sink, during one leadership.
type pipeline struct {
	*config
	fence  Fence
	budget *budget.Budget
	hash   *hasher
	lanes  []*lane
	// gate is held for reading while a batch is handed to the lanes and for writing during a barrier.
	gate sync.RWMutex
	// busy counts parts that lanes hold.
	busy   counter
	room   *room
	reads  *reads
	routes *routes
	// transforming is how long the transformer takes.
	transforming pace
	totals       *totals
	counts       *counts
	ready        *readiness
	pace         *Pace
	saver        *checkpointer
	latest       bool // lanes may collapse the changes of one document
	own          []Namespace

	reading context.Context         // ends when nothing more is to be read
	stopRun context.CancelCauseFunc // ends reading
	writing context.Context         // ends when nothing may be written any more
	work    context.Context         // ends with writing, a failure or the drain time-out
	stop    context.CancelCauseFunc // ends work

	mu       sync.RWMutex
	sources  []*sourceState     // in the order they were given
	closed   bool               // no source can be added any more
	launcher func(*sourceState) // begins to read a source; nil before run
	adding   sync.Mutex         // held while a source is added
	live     counter            // sources that have not ended
}

func newPipeline(s *Syncer, term *Term) *pipeline {
	c := &s.config
	p := &pipeline{
		config: c, fence: term.Fence, budget: budget.New(c.inFlightBytes), hash: newHasher(),
		routes: new(routes), totals: &s.totals, counts: &s.totals.counts, ready: &s.ready, pace: s.pace, latest: collapses(c),
		own: ownNamespaces(c),
	}
	p.busy.init()
	p.live.init()
	p.reading, p.stopRun = context.WithCancelCause(term.Reading)
	p.writing = term.Writing
	p.work, p.stop = context.WithCancelCause(term.Writing)
	p.reads = newReads(p)
	p.room = newRoom(p)
	for i := range c.lanes {
		p.lanes = append(p.lanes, newLane(p, i, p.hash))
	}
	p.saver = newCheckpointer(p)
	for _, src := range s.sourceList() {
		p.sources = append(p.sources, newSourceState(p, src))
	}
	for _, src := range p.sources {
		if src.direct != nil {
			p.reads.begin(src)
		}
	}
	return p
}

// collapses reports whether the changes of one document may be collapsed into the last.
func collapses(c *config) bool {
	if every, ok := As[EveryChange](c.sink); ok && every.EveryChange() {
		return false
	}
	if c.transformer == nil {
		return true
	}
	l, ok := As[LatestOnly](c.transformer)
	return ok && l.LatestOnly()
}

// ownNamespaces returns the collections that goatee itself writes: to follow them would never end.
func ownNamespaces(c *config) (own []Namespace) {
	for _, end := range []any{c.positions, c.elector, c.sink} {
		if o, ok := As[StateOwner](end); ok {
			own = append(own, o.OwnNamespaces()...)
		}
	}
	return own
}

// ownNamespaces returns those that a source of a collection, a database or a deployment may bring, nil if there are none.
func (p *pipeline) ownNamespaces(of Namespace) map[Namespace]bool {
	var own map[Namespace]bool
	for _, ns := range p.own {
		if of.Database != "" && of.Database != ns.Database || of.Collection != "" && of.Collection != ns.Collection {
			continue
		}
		if own == nil {
			own = map[Namespace]bool{}
		}
		own[ns] = true
	}
	return own
}

// list returns the sources there are now.
func (p *pipeline) list() []*sourceState {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Clone(p.sources)
}

// restore loads stored positions, captures where the other sources start, and stores that before anything is read.
func (p *pipeline) restore() error {
	for _, src := range p.list() {
		if err := src.restore(p.reading); err != nil {
			return err
		}
	}
	return p.saver.save(p.reading, true)
}

// run is the life of the pipeline. The order of its end is the point: reading stops first, lanes drain, then the last
// positions are stored, when nothing can move them any more.
func (p *pipeline) run(ctx context.Context) error {
	defer p.limitDrain()()

	var lanes, sources, others sync.WaitGroup
	for _, l := range p.lanes {
		lanes.Go(func() { p.fail(l.run(p.work)) })
	}
	stopOthers := make(chan struct{})
	others.Go(func() { p.fail(p.saver.run(p.work, stopOthers)) })
	others.Go(func() { p.fail(p.room.run(p.work, stopOthers)) })
	for _, src := range p.list() {
		p.launch(&sources, src)
	}

	p.waitForSources(&sources)
	_ = p.busy.wait(p.work)
	for _, l := range p.lanes {
		close(l.queue)
	}
	lanes.Wait()
	close(stopOthers)
	others.Wait()
	return p.finish(ctx)
}

// launch begins to read a source.
func (p *pipeline) launch(sources *sync.WaitGroup, src *sourceState) {
	p.live.add(1)
	sources.Go(func() {
		defer p.live.add(-1)
		defer src.cancel(nil)
		p.fail(src.run(src.reading))
	})
}

// waitForSources returns when every source has ended and, unless they were asked to, what is kept aside is durable too.
func (p *pipeline) waitForSources(sources *sync.WaitGroup) {
	p.mu.Lock()
	p.launcher = func(src *sourceState) { p.launch(sources, src) }
	p.mu.Unlock()
	for {
		_ = p.live.wait(context.Background())
		_ = p.busy.wait(p.work)
		_ = p.room.empty.wait(p.reading)
		p.mu.Lock()
		if p.live.isZero() {
			p.closed = true
			p.mu.Unlock()
			sources.Wait()
			return
		}
		p.mu.Unlock()
	}
}

// limitDrain cancels work a while after reading has ended. It is cancelled at once when the leadership is lost, because
// another process may write from then on.
func (p *pipeline) limitDrain() (release func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(p.reading, func() {
		mu.Lock()
		defer mu.Unlock()
		if p.drainTimeout > 0 {
			timer = time.AfterFunc(p.drainTimeout, func() { p.stop(ErrDrainTimeout) })
		}
	})
	return func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
	}
}

// fail ends everything with the first failure as the cause.
func (p *pipeline) fail(err error) {
	if err != nil {
		p.stop(err)
		p.stopRun(err)
	}
}

// finish stores the last positions and returns what ended the run, unless it was asked to end.
func (p *pipeline) finish(ctx context.Context) error {
	err := context.Cause(p.work)
	if errors.Is(err, ErrFenced) || errors.Is(err, ErrLeadershipLost) {
		return err
	}
	save, cancel := context.WithTimeout(p.writing, 10*time.Second)
	defer cancel()
	if err := errors.Join(err, p.saver.save(save, true)); err != nil {
		return err
	}
	p.saver.logStored()
	if ctx.Err() != nil {
		return nil
	}
	return p.result()
}

// result is the error of a run that has ended by itself: what is missing in Elasticsearch now.
func (p *pipeline) result() error {
	var errs []error
	refused := int64(0)
	for _, src := range p.list() {
		errs = append(errs, src.failed())
		refused += src.refused.Load()
	}
	if refused > 0 {
		errs = append(errs, fmt.Errorf("%w: %d of them", ErrRefused, refused))
	}
	return errors.Join(errs...)
}

// emit takes a batch of a source into the pipeline. Once it has the budget for it, the batch goes to the lanes as a
// whole even when reading is being stopped: half a batch could never be acknowledged.
func (p *pipeline) emit(ctx context.Context, src *sourceState, b *Batch) error {
	t, err := src.track(ctx, b)
	if err != nil {
		return err
	}
	for i := range b.Failed {
		f := &b.Failed[i]
		if err := src.bury(p.work, newDeadLetter(StageRead, src.name, &f.Change, f.Err)); err != nil {
			return err
		}
	}
	switch {
	case len(b.Changes) == 0 || len(b.Changes) == 1 && src.own[b.Changes[0].Namespace]:
		t.settle()
		return nil
	case b.Changes[0].Op.IsBarrier():
		return p.barrier(t)
	}
	p.gate.RLock()
	defer p.gate.RUnlock()
	return src.dispatch(p.work, t)
}

// barrier applies a drop or a rename alone: when everything before it is durable, and before anything after it is
// handed to a lane. Where what comes before it is kept aside it is kept behind that.
func (p *pipeline) barrier(t *tracked) error {
	if len(t.batch.Changes) != 1 {
		return t.src.notAlone(&t.batch.Changes[0])
	}
	p.gate.Lock()
	defer p.gate.Unlock()
	if err := p.busy.wait(p.work); err != nil {
		return err
	}
	it := item{change: &t.batch.Changes[0], t: t}
	if !p.room.holdBarrier(it) {
		p.reads.drop(it.change)
		aside, err := p.lanes[0].apply.apply(p.work, []item{it}, false, 0)
		if err != nil {
			return err
		}
		p.room.hold(aside)
	}
	t.settle()
	return nil
}

// checkReady notes when every direct read is over, and when the pipeline is ready.
func (p *pipeline) checkReady() {
	reads, ready := true, true
	direct := false
	for _, src := range p.list() {
		switch {
		case src.direct != nil:
			direct = true
			reads = reads && src.done.Load()
			ready = ready && src.done.Load() && src.failed() == nil
		default:
			ready = ready && (src.caughtUp.Load() || src.done.Load())
		}
	}
	if ready && len(p.list()) > 0 {
		p.ready.set()
	}
	if direct && reads && p.stopAfterReads {
		p.stopRun(errReadsDone)
	}
}
