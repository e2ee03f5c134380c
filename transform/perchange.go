package transform

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// perChange makes a function a transformer with all optional interfaces.
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
		if !writes(a) {
			return nil
		}
		return f(ctx, c, a)
	})
}

// writes reports whether the action writes a document.
func writes(a *goatee.Action) bool {
	return a.Kind <= goatee.ActionUpdate && !a.Body().IsZero()
}

// makeDelete turns an action that writes into the delete of the same document.
func makeDelete(a *goatee.Action) {
	a.Kind = goatee.ActionDelete
	a.Document = goatee.Document{}
	a.Pipeline, a.RetryOnConflict = "", 0
}

// Latest declares that t is LatestOnly: that its result for a document depends on nothing but the document's newest
// state, so that goatee may leave out what a batch holds of older ones. It is for functions of which transform cannot
// know: those of Edit, Keep, Skip, Map and Filter, and other packages' transformers.
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

func (l *latest) Check(ctx context.Context) error { return checkAll(ctx, l.inner) }
