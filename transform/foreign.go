package transform

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/goatee-sync/goatee"
)

// foreign is another package's batch transformer: it gets only items that have work left.
type foreign struct {
	goatee.Transformer
	batch     goatee.BatchTransformer
	picker    picker
	snapshots sync.Pool // *snapshot
}

func (f *foreign) step() {}

func (f *foreign) TransformBatch(ctx context.Context, items []goatee.Item) error {
	f.picker.run(items, hasWork, func(picked []goatee.Item) {
		s, _ := f.snapshots.Get().(*snapshot)
		if s == nil {
			s = &snapshot{}
		}
		s.take(picked)
		f.divide(ctx, picked, s.items)
		s.clear() // the pool keeps no batch alive
		f.snapshots.Put(s)
	})
	return nil
}

// divide calls the transformer for the items, which are as before says. When the call fails or panics as a whole it divides
// them, down to those that are to blame.
func (f *foreign) divide(ctx context.Context, items, before []goatee.Item) {
	err := f.guarded(ctx, items)
	switch {
	case err == nil:
		return
	case len(items) == 1 || ctx.Err() != nil || isTemporary(err):
		fail(items, err)
		return
	}
	for i := range items { // the call may have worked on some of them
		items[i] = before[i]
		items[i].Actions = slices.Clone(before[i].Actions)
	}
	half := len(items) / 2
	f.divide(ctx, items[:half], before[:half])
	f.divide(ctx, items[half:], before[half:])
}

func (f *foreign) guarded(ctx context.Context, items []goatee.Item) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	return f.batch.TransformBatch(ctx, items)
}

// isTemporary reports whether an error asks for the changes to be transformed again later, as that of goatee.Retry does:
// dividing the batch would only repeat it.
func isTemporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// snapshot is items as they were before a call.
type snapshot struct {
	items   []goatee.Item
	actions []goatee.Action
}

func (s *snapshot) take(items []goatee.Item) {
	n := 0
	for i := range items {
		n += len(items[i].Actions)
	}
	s.actions = slices.Grow(s.actions, n)
	for _, it := range items {
		first := len(s.actions)
		s.actions = append(s.actions, it.Actions...)
		it.Actions = s.actions[first:]
		for j := range it.Actions {
			if d := &it.Actions[j].Document; d.IsDecoded() {
				*d = d.Clone() // a map could be edited in place
			}
		}
		s.items = append(s.items, it)
	}
}

func (s *snapshot) clear() {
	clear(s.items)
	clear(s.actions)
	s.items, s.actions = s.items[:0], s.actions[:0]
}
