package cluster

import (
	"context"
	"slices"

	"github.com/goatee-sync/goatee"
)

// Partition returns a source that brings only those changes of another one that owns selects (see Workers.Share). Its
// position moves behind the others too. Every worker reads the whole stream and needs positions of its own: a store
// with a name that differs by worker.
//
// Workers do not wait for each other. When a collection is dropped, its index is deleted by the one worker that owns the
// drop; one that is behind by then may write older documents into a new index of that name.
//
// What else the source can do, goatee.As finds through Unwrap. An Estimator counts the documents of all workers: how many
// of them are this one's is not known before they are read.
func Partition(source goatee.Source, owns func(*goatee.Change) bool) goatee.Source {
	return &partition{Source: source, owns: owns}
}

type partition struct {
	goatee.Source
	owns func(*goatee.Change) bool
}

// Unwrap returns the source with the changes of all workers.
func (p *partition) Unwrap() goatee.Source { return p.Source }

// Run runs the source and removes from its batches the changes of other workers. A batch without changes is emitted for
// its position.
func (p *partition) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	return p.Source.Run(ctx, from, func(ctx context.Context, b *goatee.Batch) error {
		b.Changes = keep(b.Changes, p.owns)
		b.Failed = slices.DeleteFunc(b.Failed, func(f goatee.FailedChange) bool { return !p.owns(&f.Change) })
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
