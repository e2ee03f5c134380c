package goatee

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/watermark"
)

// maxRecoveries bounds how often in a row a lost position is answered by starting from now.
const maxRecoveries = 3

// changeBytes is about what a change weighs in memory beside its document: with small documents, more than they do.
const changeBytes = 288

// Causes of the end of a source's reading that are not failures.
var (
	errRemoved   = errors.New("the source is removed")
	errReadAgain = errors.New("the direct read begins again at a newer cluster time")
)

// sourceState is one source with what the pipeline knows about it.
type sourceState struct {
	Source
	p        *pipeline
	id       SourceID
	name     string
	fetcher  DocumentFetcher // nil when changes come with their documents
	direct   DirectReader    // nil for what is no direct read
	stateful bool
	own      map[Namespace]bool // collections that hold goatee's own state
	from     Position
	marks    watermark.Queue[progress]
	inFlight counter // batches that are not wholly acknowledged
	hash     *hasher
	parts    []*part // one per lane, being filled by dispatch
	gate     gate
	seen     int64 // changes of this run; used by emit
	*sourceCounts

	reading   context.Context
	cancel    context.CancelCauseFunc // ends reading
	ended     chan struct{}           // closed when run has returned
	exhausted atomic.Bool
	done      atomic.Bool
	caughtUp  atomic.Bool // has been, once
	failure   atomic.Pointer[error]
	refused   atomic.Int64 // dead letters of this run

	mu      sync.Mutex
	stopRun context.CancelCauseFunc // ends the present call of Source.Run, nil between calls

	readTime atomic.Uint64
	head     atomic.Uint64
	skew     atomic.Int64 // what the clock here is ahead of MongoDB's, in seconds
	atHead   atomic.Bool  // the last batch had everything there was
}

// sourceCounts are the counters of a source, over all leaderships.
type sourceCounts struct{ read, readBytes, applied, deadLetters atomic.Int64 }

// progress is what the low watermark of a source has reached.
type progress struct {
	Position
	changes  int64 // how many this run has brought; unchanged when an idle stream's position moves
	caughtUp bool
}

func newSourceState(p *pipeline, src Source) *sourceState {
	s := &sourceState{
		Source: src, p: p, id: Identify(src), name: src.Name(), stateful: true, hash: p.hash.clone(),
		parts: make([]*part, p.config.lanes), ended: make(chan struct{}), sourceCounts: p.totals.of(src.Name()),
	}
	s.inFlight.init()
	s.reading, s.cancel = context.WithCancelCause(p.reading)
	s.fetcher, _ = As[DocumentFetcher](src)
	if d, ok := As[DirectReader](src); ok {
		s.direct, s.stateful = d, d.Stateful()
	}
	s.own = p.ownNamespaces(s.id.Namespace)
	return s
}

// restore finds where the source starts.
func (s *sourceState) restore(ctx context.Context) (err error) {
	if s.p.positions != nil && s.stateful {
		err = guard(func() (err error) { s.from, err = s.p.positions.Load(ctx, s.id); return err })
		if err != nil {
			return fmt.Errorf("load the position of %s: %w", s.name, err)
		}
	}
	if s.from.IsZero() {
		if s.from, err = s.start(ctx); err != nil {
			return err
		}
	}
	s.marks.Reset(progress{Position: s.from})
	return nil
}

func (s *sourceState) start(ctx context.Context) (pos Position, err error) {
	st, ok := As[Starter](s.Source)
	if !ok {
		return Position{}, nil
	}
	err = guard(func() (err error) { pos, err = st.Start(ctx); return err })
	if err != nil {
		return Position{}, fmt.Errorf("capture the start position of %s: %w", s.name, err)
	}
	return pos, nil
}

// run reads until ctx ends or the source is exhausted. The failure of a direct read is its own: others go on.
func (s *sourceState) run(ctx context.Context) error {
	defer close(s.ended)
	notify(s.p.logger, s.p.observer.SourceStarted, SourceInfo{Source: s.name, Position: s.from})
	s.p.logger.Info("source started", "source", s.name, "position", s.from.String())
	err := s.readAll(ctx)
	if err != nil && s.direct != nil && !endsRun(err) {
		s.fails(err)
		err = nil
	}
	notify(s.p.logger, s.p.observer.SourceStopped, SourceInfo{Source: s.name, Position: s.low(), Err: errors.Join(err, s.failed())})
	return err
}

// fails notes that a direct read ends with an error.
func (s *sourceState) fails(err error) {
	s.p.logger.Error("direct read failed; documents it has not reached are missing in Elasticsearch",
		"source", s.name, "error", err)
	s.failure.Store(&err)
	s.exhausted.Store(true)
	s.checkDone()
}

// endsRun reports whether an error of a direct read is the pipeline's own, which ends the others too.
func endsRun(err error) bool {
	var emit *emitError
	return errors.As(err, &emit)
}

func (s *sourceState) failed() error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *sourceState) readAll(ctx context.Context) error {
	for recoveries := 0; ; {
		before := s.read.Load()
		err := s.runSource(ctx)
		if s.read.Load() > before {
			recoveries = 0
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			s.exhausted.Store(true)
			s.checkDone()
			return nil
		case errors.Is(err, errReadAgain):
			if err := s.readAgain(ctx); err != nil {
				return nil // ctx has ended
			}
		case errors.Is(err, ErrPositionLost) && s.p.lostPosition == LostPositionFromNow && recoveries < maxRecoveries:
			recoveries++
			if err := s.fromNow(ctx, err); err != nil {
				return err
			}
		default:
			return fmt.Errorf("source %s: %w", s.name, err)
		}
	}
}

// runSource is one call of Source.Run.
func (s *sourceState) runSource(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s.setStop(stop)
	defer s.setStop(nil)
	err := guard(func() error {
		return s.Source.Run(ctx, s.from, func(ctx context.Context, b *Batch) error { return s.emit(ctx, b) })
	})
	if cause := context.Cause(ctx); errors.Is(cause, errReadAgain) {
		return cause
	}
	return err
}

// emit hands a batch to the pipeline. Its error is told apart from the source's own.
func (s *sourceState) emit(ctx context.Context, b *Batch) error {
	if err := s.gate.wait(ctx); err != nil {
		return err
	}
	if err := s.p.emit(ctx, s, b); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &emitError{err}
	}
	return nil
}

// emitError is an error of the pipeline on its way through a source.
type emitError struct{ err error }

func (e *emitError) Error() string { return e.err.Error() }
func (e *emitError) Unwrap() error { return e.err }

func (s *sourceState) setStop(stop context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopRun = stop
}

// restart has a direct read begin again, because it has become too expensive to remember the deletes since it began.
func (s *sourceState) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopRun != nil {
		s.stopRun(errReadAgain)
	}
}

// readAgain prepares the next run of a direct read: once everything of the former is durable, no delete before now needs
// to be remembered.
func (s *sourceState) readAgain(ctx context.Context) error {
	if err := s.inFlight.wait(ctx); err != nil {
		return err
	}
	s.marks.Reset(progress{Position: s.from, changes: s.seen})
	s.p.reads.begin(s)
	s.p.logger.Warn("direct read begins again: there were too many deletes in its namespace to remember while it ran",
		"source", s.name)
	return nil
}

// fromNow goes on from the present after a position has been lost, and stores that at once: a crash before the next
// change must not find the lost position again.
func (s *sourceState) fromNow(ctx context.Context, lost error) (err error) {
	s.p.logger.Error("position lost, going on from now: changes in between are missing in Elasticsearch",
		"source", s.name, "position", s.low().String(), "error", lost)
	if err := s.inFlight.wait(ctx); err != nil {
		return nil // ctx has ended
	}
	if s.from, err = s.start(ctx); err != nil {
		return err
	}
	s.marks.Reset(progress{Position: s.from, changes: s.seen})
	return s.p.saver.save(ctx, true)
}

// track takes the budget for a batch and gives it its place in the source's order.
func (s *sourceState) track(ctx context.Context, b *Batch) (*tracked, error) {
	t := &tracked{src: s, batch: b, changes: int64(len(b.Changes) + len(b.Failed))}
	t.parts.Store(1)
	t.open.Store(1)
	if len(b.Changes) > 0 {
		n := b.Bytes
		if n == 0 {
			n = documentBytes(b.Changes)
		}
		granted, err := s.p.budget.Acquire(ctx, int64(n+len(b.Changes)*changeBytes))
		if err != nil {
			return nil, err
		}
		t.granted = granted
		s.readBytes.Add(int64(n))
		s.readTime.Store(timestamp(b.Changes[len(b.Changes)-1].ClusterTime))
	} else {
		s.readTime.Store(timestamp(b.Position.ClusterTime))
	}
	s.atHead.Store(b.CaughtUp)
	if !b.Head.IsZero() {
		s.head.Store(timestamp(b.Head))
		s.skew.Store(time.Now().Unix() - int64(b.Head.T))
	}
	s.read.Add(t.changes)
	s.seen += t.changes
	s.inFlight.add(1)
	t.mark = s.marks.Track(progress{Position: b.Position, changes: s.seen, caughtUp: b.CaughtUp})
	return t, nil
}

func documentBytes(changes []Change) int {
	n := 0
	for i := range changes {
		n += changes[i].Document.Len()
	}
	return n
}

// checkDone notes that everything an exhausted source brought is acknowledged.
func (s *sourceState) checkDone() {
	if !s.exhausted.Load() || s.marks.Pending() > 0 || !s.done.CompareAndSwap(false, true) {
		return
	}
	s.report()
	if s.direct != nil {
		s.p.reads.end(s)
	}
	s.p.checkReady()
}

// report logs what became of an exhausted source.
func (s *sourceState) report() {
	refused := s.refused.Load()
	attrs := []any{"source", s.name, "changes", s.read.Load()}
	switch {
	case s.failed() != nil: // has been logged
	case refused == 0:
		s.p.logger.Info("source done", attrs...)
	case s.direct != nil && s.stateful:
		s.p.logger.Warn("source done, but documents were refused: it is read again at the next start",
			append(attrs, "deadLetters", refused)...)
	default:
		s.p.logger.Warn("source done, but documents were refused", append(attrs, "deadLetters", refused)...)
	}
}

// bury hands over a dead letter of the source. An error ends the run: going on would lose the dead letter.
func (s *sourceState) bury(ctx context.Context, d DeadLetter) error {
	s.refused.Add(1)
	s.deadLetters.Add(1)
	s.p.counts.deadLetters.Add(1)
	notify(s.p.logger, s.p.observer.DeadLetter, d)
	if err := guard(func() error { return s.p.deadLetter(ctx, d) }); err != nil {
		return fmt.Errorf("dead letter handler: %w", err)
	}
	return nil
}

func (s *sourceState) low() Position { return s.marksLow().Position }

func (s *sourceState) marksLow() progress {
	low, _ := s.marks.Low()
	return low
}

// tracked is a batch on its way.
type tracked struct {
	src     *sourceState
	batch   *Batch
	mark    *watermark.Mark[progress]
	changes int64
	granted int64
	parts   atomic.Int32 // those that use the batch's memory
	open    atomic.Int32 // parts, and changes kept aside, that are not durable
}

// settle notes that a part of the batch needs its memory no more, and is durable but for what is kept aside.
func (t *tracked) settle() {
	if t.parts.Add(-1) == 0 {
		if t.changes > 0 {
			t.src.p.budget.Release(t.granted)
		}
		release := t.batch.Release
		t.batch = nil
		if release != nil {
			t.src.release(release)
		}
	}
	t.ack()
}

// release gives the memory of a batch back to its source.
func (s *sourceState) release(f func()) {
	if err := guard(func() error { f(); return nil }); err != nil {
		s.p.logger.Error("a source could not release a batch", "source", s.name, "error", err)
	}
}

// ack notes that a part, or a change kept aside, needs nothing more. The last one acknowledges the batch.
func (t *tracked) ack() {
	if t.open.Add(-1) > 0 {
		return
	}
	s := t.src
	s.marks.Done(t.mark)
	s.applied.Add(t.changes)
	if t.changes > 0 {
		s.p.counts.applied.Add(t.changes)
		s.p.counts.lastAck.Store(time.Now().UnixNano())
	}
	if s.direct != nil {
		s.p.reads.advance(s)
	} else if !s.caughtUp.Load() && s.marksLow().caughtUp && s.caughtUp.CompareAndSwap(false, true) {
		s.p.checkReady()
	}
	s.inFlight.add(-1)
	s.checkDone()
}

func timestamp(t primitive.Timestamp) uint64 { return uint64(t.T)<<32 | uint64(t.I) }

func fromTimestamp(v uint64) primitive.Timestamp {
	return primitive.Timestamp{T: uint32(v >> 32), I: uint32(v)}
}

// gate is where a paused source waits. The zero gate is open.
type gate struct {
	mu     sync.Mutex
	closed chan struct{} // closed when the gate opens; nil while it is open
	shut   atomic.Bool
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed = make(chan struct{})
		g.shut.Store(true)
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
		g.shut.Store(false)
	}
}

func (g *gate) wait(ctx context.Context) error {
	for g.shut.Load() {
		g.mu.Lock()
		closed := g.closed
		g.mu.Unlock()
		if closed == nil {
			continue
		}
		select {
		case <-closed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return ctx.Err()
}
