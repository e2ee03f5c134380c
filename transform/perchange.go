package transform

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// perChange makes a function a transformer with a batch form, in which a panic fails the change that caused it.
type perChange struct {
	apply  goatee.TransformFunc
	latest bool
	err    error // misuse, returned by Check and for every change
}

func (p *perChange) step() {}

func (p *perChange) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	if p.err != nil {
		return nil, p.err
	}
	return p.apply(ctx, c, actions)
}

func (p *perChange) TransformBatch(ctx context.Context, items []goatee.Item) error {
	if p.err != nil {
		return p.err
	}
	for next := 0; next < len(items); {
		next = p.from(ctx, items, next)
	}
	return nil
}

// from transforms the items from index first on and returns where to go on: a panic ends the loop, and recovering once
// per loop costs nothing per item.
func (p *perChange) from(ctx context.Context, items []goatee.Item, first int) (next int) {
	i := first
	defer func() {
		if v := recover(); v != nil {
			items[i].Err = panicError(v)
			next = i + 1
		}
	}()
	for ; i < len(items); i++ {
		it := &items[i]
		if hasWork(it) {
			it.Actions, it.Err = p.apply(ctx, it.Change, it.Actions)
		}
	}
	return i
}

func (p *perChange) LatestOnly() bool { return p.latest }

func (p *perChange) Check(context.Context) error { return p.err }

// perAction is perChange for a function that edits one action in place.
func perAction(f func(context.Context, *goatee.Change, *goatee.Action) error) *perChange {
	return &perChange{
		latest: true,
		apply: func(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
			for i := range actions {
				if err := f(ctx, c, &actions[i]); err != nil {
					return nil, err
				}
			}
			return actions, nil
		},
	}
}

// perDocument is perAction for actions that write a document.
func perDocument(f func(context.Context, *goatee.Change, *goatee.Action) error) *perChange {
	return perAction(func(ctx context.Context, c *goatee.Change, a *goatee.Action) error {
		if document(a) == nil {
			return nil
		}
		return f(ctx, c, a)
	})
}

// document returns the document that an action writes, for reading only, as it may be that of the change; nil when the
// action writes none. Unlike Body it does not make the document the action's own.
func document(a *goatee.Action) *goatee.Document {
	switch {
	case !Writes(a):
		return nil
	case !a.Document.IsZero():
		return &a.Document
	default:
		return &a.Change.Document
	}
}

// Writes reports whether an action writes a document: it indexes, creates or updates one, and there is one to write.
func Writes(a *goatee.Action) bool {
	return a.Kind <= goatee.ActionUpdate && (!a.Document.IsZero() || a.Change != nil && !a.Change.Document.IsZero())
}

// MakeDelete turns an action that writes a document into the delete of that document, at the same index, id and routing.
// Functions given to Edit can use it.
func MakeDelete(a *goatee.Action) {
	a.Kind = goatee.ActionDelete
	a.Document = goatee.Document{}
	a.Pipeline, a.RetryOnConflict = "", 0
}

// Latest declares that t is LatestOnly: that its result for a document depends on nothing but the document's newest
// state, so that goatee may leave out older changes of the document in the same batch. It is for transformers that do not
// say so themselves because they cannot know what a function looks at: Edit, Keep, Skip, plugin.Map, plugin.Filter, and
// those of other packages.
func Latest(t goatee.Transformer) goatee.Transformer {
	if t == nil {
		return &perChange{err: misuse("Latest", "no transformer", "give it one")}
	}
	return &latest{step: asStep(t), inner: t}
}

type latest struct {
	step
	inner goatee.Transformer
}

func (*latest) LatestOnly() bool { return true }

func (l *latest) Unwrap() goatee.Transformer { return l.inner }
