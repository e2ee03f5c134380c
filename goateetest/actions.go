package goateetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/goatee-sync/goatee"
)

// Actions returns what a transformer makes of changes as the text of bulk requests, one line for each action and one for
// each document, in the form in which goatee's sink writes them with its defaults. Drops, which are no bulk actions, are
// lines like {"drop":{"_index":"shop.orders"}}. It fails the test when the transformer returns an error or panics.
func Actions(t testing.TB, tr goatee.Transformer, changes ...*goatee.Change) string {
	t.Helper()
	text, err := NDJSON(tr, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// NDJSON is Actions for where there is no test: examples, and transformers whose errors are of interest. It returns what
// could be made with the first error.
func NDJSON(tr goatee.Transformer, changes ...*goatee.Change) (string, error) {
	var text []byte
	items, err := Run(context.Background(), tr, changes...)
	for i := range items {
		if items[i].Err != nil {
			return string(text), fmt.Errorf("change %d (%s %s): %w", i, changes[i].Op, changes[i].Namespace, items[i].Err)
		}
		for j := range items[i].Actions {
			var err error
			if text, err = appendAction(text, &items[i].Actions[j]); err != nil {
				return string(text), fmt.Errorf("change %d, action %d: %w", i, j, err)
			}
		}
	}
	return string(text), err
}

// Run calls a transformer as a lane of goatee does: with the default action of each change, the whole batch at once if
// the transformer takes batches. It returns one item for each change, with a panic as its error. The changes are cloned:
// what the transformer does to them cannot be seen in them. A nil transformer leaves the default actions.
func Run(ctx context.Context, tr goatee.Transformer, changes ...*goatee.Change) ([]goatee.Item, error) {
	if c, ok := tr.(goatee.Checker); ok {
		if err := c.Check(ctx); err != nil {
			return nil, err
		}
	}
	items := make([]goatee.Item, len(changes))
	for i, c := range changes {
		own := c.Clone()
		items[i] = goatee.Item{Change: own, Actions: defaultActions(own)}
	}
	if tr == nil {
		return items, nil
	}
	if batch, ok := tr.(goatee.BatchTransformer); ok {
		return items, guard(func() error { return batch.TransformBatch(ctx, items) })
	}
	for i := range items {
		it := &items[i]
		it.Err = guard(func() (err error) {
			it.Actions, err = tr.Transform(ctx, it.Change, it.Actions)
			return err
		})
	}
	return items, nil
}

func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", goatee.ErrPanic, v)
		}
	}()
	return f()
}

// defaultActions returns what goatee prepares for a change.
func defaultActions(c *goatee.Change) []goatee.Action {
	switch {
	case c.Op == goatee.OpDelete:
		return []goatee.Action{{Kind: goatee.ActionDelete, Change: c}}
	case c.Op.IsBarrier():
		return []goatee.Action{{Kind: goatee.ActionDrop, Change: c}}
	case c.Op.HasDocument() && !c.Document.IsZero():
		return []goatee.Action{{Change: c}}
	}
	return nil
}
