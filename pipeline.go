package goatee

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goatee-sync/goatee/internal/budget"
)

// errReadsDone is a cause of the end of reading that is not a failure.
var errReadsDone = errors.New("every direct read is complete")

// pipeline is what runs between the sources and the sink, once.
type pipeline struct {
	*config
	fence   Fence
	started time.Time
	budget  *budget.Budget
	sources []*sourceState
	lanes   []*lane
	// gate is held for reading while a batch is handed to the lanes and for writing during a barrier.
	gate sync.RWMutex
	// busy counts parts that lanes hold.
	busy    counter
	reads   reads
	deletes tombstones
	routes  *routes
	// transforming is how long the transformer takes.
	transforming pace
	counts       counts
	saver        *checkpointer
	latest       bool // lanes may collapse the changes of one document
	work         context.Context
	stop         context.CancelCauseFunc // ends work: failure or drain time-out
	stopRun      context.CancelCauseFunc // ends reading
}

type counts struct {
	applied, coalesced, deadLetters atomic.Int64
	lastAck                         atomic.Int64 // Unix nanoseconds
}

func newPipeline(c *config, fence Fence) *pipeline {
	p := &pipeline{config: c, fence: fence, started: time.Now(), budget: budget.New(c.inFlightBytes), routes: new(routes)}
	p.busy.init()
	p.latest = c.transformer == nil
	if l, ok := As[LatestOnly](c.transformer); ok {
		p.latest = l.LatestOnly()
	}
	hash := newHasher()
	for _, src := range c.sources {
		p.sources = append(p.sources, newSourceState(p, src, hash))
	}
	for i := range c.lanes {
		p.lanes = append(p.lanes, newLane(p, i, hash))
	}
	p.reads.init(p.sources)
	p.saver = newCheckpointer(p)
	return p
}

// restore loads stored positions, captures where the other sources start, and stores that before anything is read.
func (p *pipeline) restore(ctx context.Context) error {
	for _, src := range p.sources {
		if err := src.restore(ctx, p.positions); err != nil {
			return err
		}
	}
	return p.saver.save(ctx, true)
}

// run is the life of the pipeline. The order of its end is the point: reading stops first, lanes drain, then the last
// positions are stored, when nothing can move them any more.
func (p *pipeline) run(ctx context.Context) error {
	var read context.Context
	read, p.stopRun = context.WithCancelCause(ctx)
	defer p.stopRun(nil)
	p.work, p.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	defer p.stop(nil)
	defer p.limitDrain(ctx)()

	var lanes, sources, saver sync.WaitGroup
	for _, l := range p.lanes {
		lanes.Go(func() { p.fail(l.run(p.work)) })
	}
	stopSaver := make(chan struct{})
	saver.Go(func() { p.fail(p.saver.run(p.work, stopSaver)) })
	for _, src := range p.sources {
		sources.Go(func() { p.fail(src.run(read)) })
	}

	sources.Wait()
	_ = p.busy.wait(p.work)
	for _, l := range p.lanes {
		close(l.queue)
	}
	lanes.Wait()
	close(stopSaver)
	saver.Wait()
	return p.finish(ctx)
}

// limitDrain cancels work a while after ctx has ended, at once when the leadership is lost: another process may write
// from then on.
func (p *pipeline) limitDrain(ctx context.Context) (release func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if cause := context.Cause(ctx); errors.Is(cause, ErrLeadershipLost) {
			p.stop(cause)
		} else if p.drainTimeout > 0 {
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

// finish stores the last positions and returns what ended the run, if it was not a wish.
func (p *pipeline) finish(ctx context.Context) error {
	err := context.Cause(p.work)
	if errors.Is(err, ErrFenced) || errors.Is(err, ErrLeadershipLost) {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, p.saver.save(ctx, true))
}

// emit takes a batch of a source into the pipeline. Once it has the budget for it, the batch goes to the lanes as a
// whole even when reading is being stopped: half a batch could never be acknowledged.
func (p *pipeline) emit(ctx context.Context, src *sourceState, b *Batch) error {
	t, err := src.track(ctx, b)
	if err != nil {
		return err
	}
	switch {
	case len(b.Changes) == 0:
		t.settle(1)
		return nil
	case b.Changes[0].Op.IsBarrier():
		return p.barrier(t)
	}
	p.gate.RLock()
	defer p.gate.RUnlock()
	return src.dispatch(p.work, t)
}

// barrier applies a drop or a rename alone: when everything before it is durable, and before anything after it is
// handed to a lane.
func (p *pipeline) barrier(t *tracked) error {
	if len(t.batch.Changes) != 1 {
		return fmt.Errorf("source %s: a %s must be alone in its batch", t.src.name, t.batch.Changes[0].Op)
	}
	p.gate.Lock()
	defer p.gate.Unlock()
	if err := p.busy.wait(p.work); err != nil {
		return err
	}
	c := &t.batch.Changes[0]
	p.reads.drop(c)
	if err := p.lanes[0].write(p.work, []item{{change: c, src: t.src}}); err != nil {
		return err
	}
	t.settle(1)
	return nil
}

func (p *pipeline) stats(st *Stats) {
	st.Started = p.started
	st.Applied = p.counts.applied.Load()
	st.Coalesced = p.counts.coalesced.Load()
	st.DeadLetters = p.counts.deadLetters.Load()
	st.InFlightBytes = p.budget.Used()
	st.LastAck = unixNano(p.counts.lastAck.Load())
	st.LastCheckpoint = unixNano(p.saver.last.Load())
	for _, src := range p.sources {
		st.Sources = append(st.Sources, src.stats())
	}
}

func unixNano(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}
