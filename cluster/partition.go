package cluster

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// Partition returns a source that brings only those changes of another one that owns selects (see Workers.Share), failed
// ones included. Its position moves behind the others too. Every worker reads the whole stream and needs positions of its
// own: a store with a name that differs by worker.
//
// Workers do not wait for each other. When a collection is dropped, its index is deleted by the one worker that owns the
// drop; one that is behind by then may write older documents into a new index of that name.
//
// Apart from that the source is the other one, which goatee.As finds: it can start, check, estimate, read directly and
// fetch documents if that one can. An estimate counts the documents of all workers: how many of them are this one's is
// not known before they are read.
func Partition(source goatee.Source, owns func(*goatee.Change) bool) goatee.Source {
	return &partition{source: source, owns: owns}
}

type partition struct {
	source goatee.Source
	owns   func(*goatee.Change) bool
}

// Name returns the name of the source.
func (p *partition) Name() string { return p.source.Name() }

// Unwrap returns the source.
func (p *partition) Unwrap() goatee.Source { return p.source }

// Run runs the source and takes from its batches what others own. A batch that is empty then is emitted for its position.
func (p *partition) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	return p.source.Run(ctx, from, func(ctx context.Context, b *goatee.Batch) error {
		b.Changes = keep(b.Changes, p.owns)
		b.Failed = keep(b.Failed, func(f *goatee.FailedChange) bool { return p.owns(&f.Change) })
		return emit(ctx, b)
	})
}

// keep is slices.DeleteFunc by pointer: a copy of each change would be moved to the heap.
func keep[T any](items []T, mine func(*T) bool) []T {
	n := 0
	for i := range items {
		if mine(&items[i]) {
			if n < i {
				items[n] = items[i]
			}
			n++
		}
	}
	clear(items[n:])
	return items[:n]
}
