package transform

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// step is a batch transformer of this package: it passes over items that have failed or have no action left.
type step interface {
	goatee.Transformer
	goatee.BatchTransformer
	step()
}

type chain struct {
	steps  []step
	latest bool
	checks []goatee.Transformer
	err    error
}

// Chain runs transformers one after the other. A change that failed or has no action left skips the rest, and a panic
// fails its own change only, but for one inside another package's TransformBatch, which fails what that call was given.
// The chain is a batch transformer: elements that are, too, get the whole batch at once. It is LatestOnly when every
// element is. A chain without elements changes nothing.
func Chain(ts ...goatee.Transformer) goatee.Transformer {
	c := &chain{latest: true, checks: ts}
	for _, t := range ts {
		if t == nil {
			c.err = misuse("Chain", "an element is nil", "leave it out")
			continue
		}
		c.latest = c.latest && isLatestOnly(t)
		c.steps = appendFused(c.steps, asStep(t))
	}
	return c
}

// appendFused joins raw edits in a row into one, which rewrites a document's bytes once less.
func appendFused(steps []step, s step) []step {
	if edit, ok := s.(*rawEdit); ok && len(steps) > 0 {
		if last, ok := steps[len(steps)-1].(*rawEdit); ok {
			steps[len(steps)-1] = last.then(edit)
			return steps
		}
	}
	return append(steps, s)
}

func (c *chain) step() {}

// Transform runs the chain for one change.
func (c *chain) Transform(ctx context.Context, ch *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	return transformOne(ctx, c, ch, actions)
}

// TransformBatch runs the chain for a batch. It returns no error: each item has its own.
func (c *chain) TransformBatch(ctx context.Context, items []goatee.Item) error {
	if c.err != nil {
		return c.err
	}
	for _, s := range c.steps {
		if err := s.TransformBatch(ctx, items); err != nil {
			fail(items, err)
		}
	}
	return nil
}

// LatestOnly reports whether every element is.
func (c *chain) LatestOnly() bool { return c.latest }

// Check reports what is wrong with the elements.
func (c *chain) Check(ctx context.Context) error {
	if c.err != nil {
		return c.err
	}
	return checkAll(ctx, c.checks...)
}

// asStep makes any transformer one that passes over items without work.
func asStep(t goatee.Transformer) step {
	switch t := t.(type) {
	case step:
		return t
	case goatee.BatchTransformer:
		return &foreign{Transformer: t.(goatee.Transformer), batch: t}
	default:
		return &perChange{apply: t.Transform}
	}
}

// foreign is another package's batch transformer: it gets only items that have work left.
type foreign struct {
	goatee.Transformer
	batch  goatee.BatchTransformer
	picker picker
}

func (f *foreign) step() {}

func (f *foreign) TransformBatch(ctx context.Context, items []goatee.Item) error {
	f.picker.run(items, hasWork, func(picked []goatee.Item) {
		if err := f.guarded(ctx, picked); err != nil {
			fail(picked, err)
		}
	})
	return nil
}

func (f *foreign) guarded(ctx context.Context, items []goatee.Item) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	return f.batch.TransformBatch(ctx, items)
}

// hasWork reports whether later transformers see the item.
func hasWork(it *goatee.Item) bool { return it.Err == nil && len(it.Actions) > 0 }

// fail gives every item that has work left the error.
func fail(items []goatee.Item, err error) {
	for i := range items {
		if hasWork(&items[i]) {
			items[i].Err = err
		}
	}
}

// transformOne is Transform for what has only a batch form.
func transformOne(ctx context.Context, t goatee.BatchTransformer, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	items := []goatee.Item{{Change: c, Actions: actions}}
	if err := t.TransformBatch(ctx, items); err != nil {
		return nil, err
	}
	return items[0].Actions, items[0].Err
}

func isLatestOnly(t goatee.Transformer) bool {
	l, ok := t.(goatee.LatestOnly)
	return ok && l.LatestOnly()
}

// checkAll returns the first error of what can be checked.
func checkAll(ctx context.Context, ts ...goatee.Transformer) error {
	for _, t := range ts {
		if c, ok := t.(goatee.Checker); ok {
			if err := c.Check(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// misuse says which constructor got arguments that cannot work.
func misuse(constructor, problem, remedy string) error {
	return &goatee.ConfigError{Setting: "transform." + constructor, Problem: problem, Remedy: remedy}
}
