package cluster

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// Partition returns a source that brings only those changes of another one that owns selects (see Workers.Share). Its
// position moves behind the others too. Every worker reads the whole stream and needs positions of its own: a store
// with a name that differs by worker.
//
// Workers do not wait for each other. When a collection is dropped, its index is deleted by the one worker that owns the
// drop; one that is behind by then may write older documents into a new index of that name.
//
// Apart from that the source is the other one: it can start, check, estimate, read directly and fetch documents if that
// one can.
func Partition(source goatee.Source, owns func(*goatee.Change) bool) goatee.Source {
	p := &partition{Source: source, owns: owns}
	direct, isDirect := source.(goatee.DirectReader)
	fetcher, isFetcher := source.(goatee.DocumentFetcher)
	switch {
	case isDirect && isFetcher:
		return struct {
			*partition
			goatee.DirectReader
			goatee.DocumentFetcher
		}{p, direct, fetcher}
	case isDirect:
		return struct {
			*partition
			goatee.DirectReader
		}{p, direct}
	case isFetcher:
		return struct {
			*partition
			goatee.DocumentFetcher
		}{p, fetcher}
	}
	return p
}

type partition struct {
	goatee.Source
	owns func(*goatee.Change) bool
}

// Run runs the source and takes from its batches what others own. A batch without changes is emitted for its position.
func (p *partition) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	return p.Source.Run(ctx, from, func(ctx context.Context, b *goatee.Batch) error {
		b.Changes = keep(b.Changes, p.owns)
		return emit(ctx, b)
	})
}

// keep is slices.DeleteFunc by pointer: a copy of each change would be moved to the heap.
func keep(changes []goatee.Change, owns func(*goatee.Change) bool) []goatee.Change {
	n := 0
	for i := range changes {
		if owns(&changes[i]) {
			if n < i {
				changes[n] = changes[i]
			}
			n++
		}
	}
	clear(changes[n:])
	return changes[:n]
}

// Start returns the zero Position, as if there were no Start, for a source that has none.
func (p *partition) Start(ctx context.Context) (goatee.Position, error) {
	if s, ok := p.Source.(goatee.Starter); ok {
		return s.Start(ctx)
	}
	return goatee.Position{}, nil
}

// Check returns nil for a source that cannot tell.
func (p *partition) Check(ctx context.Context) error {
	if c, ok := p.Source.(goatee.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// Estimate counts the documents of all workers: how many of them are this one's is not known before they are read.
func (p *partition) Estimate() int64 {
	if e, ok := p.Source.(goatee.Estimator); ok {
		return e.Estimate()
	}
	return 0
}
