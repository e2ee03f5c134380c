package transform

import (
	"context"
	"log/slog"

	"github.com/goatee-sync/goatee"
)

// step is a batch transformer of this package: it passes over items that have failed or have no action left.
type step interface {
	goatee.Transformer
	goatee.BatchTransformer
	step()
}

type chain struct {
	steps    []step
	latest   bool
	elements []goatee.Transformer
	err      error
}

// Chain runs transformers one after the other. A change that failed or has no action left skips the rest, and a panic
// fails its own change only. Errors are handed on as they are, those of goatee.Retry too.
//
// The chain is a batch transformer, and elements that are batch transformers get the whole batch at once. When such a call
// fails or panics as a whole, it is repeated with fewer changes until it is known which ones are to blame.
//
// The chain is LatestOnly when every element is. A chain without elements changes nothing.
func Chain(ts ...goatee.Transformer) goatee.Transformer {
	c := &chain{latest: true, elements: ts}
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
	return checkAll(ctx, c.elements...)
}

// Instrument gives a logger and an observer to the elements that take them.
func (c *chain) Instrument(logger *slog.Logger, observer goatee.Observer) {
	for _, t := range c.elements {
		if i, ok := goatee.As[goatee.Instrumented](t); ok {
			i.Instrument(logger, observer)
		}
	}
}

// asStep makes any transformer one that passes over items without work. Unlike other capabilities the batch form is not
// looked for inside a wrapper: a wrapper that has only Transform would never be called.
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
	l, ok := goatee.As[goatee.LatestOnly](t)
	return ok && l.LatestOnly()
}

// checkAll returns the first error of what can be checked.
func checkAll(ctx context.Context, ts ...goatee.Transformer) error {
	for _, t := range ts {
		if c, ok := goatee.As[goatee.Checker](t); ok {
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
