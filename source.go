package goatee

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/watermark"
)

// maxRecoveries bounds how often in a row a lost position is answered by starting from now.
const maxRecoveries = 3

// changeBytes is about what a change weighs in memory beside its document: with small documents, more than they do.
const changeBytes = 256

// sourceState is one source with what the pipeline knows about it.
type sourceState struct {
	Source
	p         *pipeline
	id        SourceID
	name      string
	fetcher   DocumentFetcher // nil when changes come with their documents
	direct    bool
	stateful  bool
	from      Position
	marks     watermark.Queue[progress]
	hash      *hasher
	parts     []*part // one per lane, being filled by dispatch
	exhausted atomic.Bool
	done      atomic.Bool

	read, readBytes atomic.Int64
	readTime        atomic.Uint64
}

// progress is what the low watermark of a source has reached.
type progress struct {
	Position
	changes int64 // how many it has brought; unchanged when an idle stream's position moves
}

func newSourceState(p *pipeline, src Source, hash *hasher) *sourceState {
	s := &sourceState{Source: src, p: p, id: Identify(src), name: src.Name(), stateful: true, hash: hash.clone(), parts: make([]*part, p.config.lanes)}
	s.fetcher, _ = As[DocumentFetcher](src)
	if d, ok := As[DirectReader](src); ok {
		s.direct, s.stateful = true, d.Stateful()
	}
	return s
}

// restore finds where the source starts.
func (s *sourceState) restore(ctx context.Context, store PositionStore) (err error) {
	if store != nil && s.stateful {
		if s.from, err = store.Load(ctx, s.id); err != nil {
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

func (s *sourceState) start(ctx context.Context) (Position, error) {
	st, ok := As[Starter](s.Source)
	if !ok {
		return Position{}, nil
	}
	pos, err := st.Start(ctx)
	if err != nil {
		return Position{}, fmt.Errorf("capture the start position of %s: %w", s.name, err)
	}
	return pos, nil
}

// run reads until ctx ends or the source is exhausted.
func (s *sourceState) run(ctx context.Context) error {
	notify(s.p.observer.SourceStarted, SourceInfo{Source: s.name, Position: s.from})
	s.p.logger.Info("source started", "source", s.name, "position", s.from.String())
	err := s.readAll(ctx)
	notify(s.p.observer.SourceStopped, SourceInfo{Source: s.name, Position: s.low(), Err: err})
	return err
}

func (s *sourceState) readAll(ctx context.Context) error {
	emit := func(ctx context.Context, b *Batch) error { return s.p.emit(ctx, s, b) }
	for recoveries := 0; ; {
		before := s.read.Load()
		err := s.Source.Run(ctx, s.from, emit)
		if s.read.Load() > before {
			recoveries = 0
		}
		switch {
		case err == nil && ctx.Err() == nil:
			s.exhausted.Store(true)
			s.checkDone()
			return nil
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrPositionLost) && s.p.lostPosition == LostPositionFromNow && recoveries < maxRecoveries:
			recoveries++
			s.p.logger.Error("position lost, going on from now: changes in between are missing in Elasticsearch",
				"source", s.name, "position", s.low().String(), "error", err)
			if s.from, err = s.start(ctx); err != nil {
				return err
			}
		default:
			return fmt.Errorf("source %s: %w", s.name, err)
		}
	}
}

// track takes the budget for a batch and gives it its place in the source's order.
func (s *sourceState) track(ctx context.Context, b *Batch) (*tracked, error) {
	t := &tracked{src: s, batch: b}
	t.pending.Store(1)
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
	t.mark = s.marks.Track(progress{Position: b.Position, changes: s.read.Add(int64(len(b.Changes)))})
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
	s.p.logger.Info("source done", "source", s.name, "changes", s.read.Load())
	if !s.direct || !s.p.reads.complete() {
		return
	}
	s.p.deletes.clear()
	if s.p.stopAfterReads {
		s.p.stopRun(errReadsDone)
	}
}

func (s *sourceState) low() Position {
	low, _ := s.marks.Low()
	return low.Position
}

func (s *sourceState) stats() SourceStats {
	low, _ := s.marks.Low()
	st := SourceStats{
		Name: s.name, Read: s.read.Load(), ReadBytes: s.readBytes.Load(), Applied: low.changes,
		Pending: int64(s.marks.Pending()), ReadTime: fromTimestamp(s.readTime.Load()), AppliedTime: low.ClusterTime,
		Done: s.done.Load(), DirectRead: s.direct,
	}
	if e, ok := As[Estimator](s.Source); ok {
		st.Estimate = e.Estimate()
	}
	return st
}

// tracked is a batch on its way.
type tracked struct {
	src     *sourceState
	batch   *Batch
	mark    *watermark.Mark[progress]
	granted int64
	pending atomic.Int32 // parts that are not settled
}

// settle notes that n parts need nothing more. The last one acknowledges the batch.
func (t *tracked) settle(n int32) {
	if t.pending.Add(-n) > 0 {
		return
	}
	p := t.src.p
	changes := len(t.batch.Changes)
	t.src.marks.Done(t.mark)
	if changes > 0 {
		p.counts.applied.Add(int64(changes))
		p.counts.lastAck.Store(time.Now().UnixNano())
		p.budget.Release(t.granted)
	}
	if t.batch.Release != nil {
		t.batch.Release()
	}
	if t.src.direct {
		p.reads.advance()
	}
	t.src.checkDone()
}

func timestamp(t primitive.Timestamp) uint64 { return uint64(t.T)<<32 | uint64(t.I) }

func fromTimestamp(v uint64) primitive.Timestamp {
	return primitive.Timestamp{T: uint32(v >> 32), I: uint32(v)}
}
