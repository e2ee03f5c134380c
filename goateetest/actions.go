package goateetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/bulk"
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
	e := newEncoder()
	for i := range items {
		if items[i].Err != nil {
			return string(text), fmt.Errorf("change %d (%s %s): %w", i, changes[i].Op, changes[i].Namespace, items[i].Err)
		}
		for j := range items[i].Actions {
			var err error
			if text, err = appendAction(text, e, &items[i].Actions[j]); err != nil {
				return string(text), fmt.Errorf("change %d, action %d: %w", i, j, err)
			}
		}
	}
	return string(text), err
}

// Run calls a transformer as goatee does, by goatee.Prepare: with the default action of each change, the whole batch at
// once if the transformer takes batches. It returns one item for each change, with a panic as its error. If the
// transformer is a goatee.Checker it is checked first. The changes are cloned: what the transformer does to them cannot
// be seen in them. A nil transformer leaves the default actions.
func Run(ctx context.Context, tr goatee.Transformer, changes ...*goatee.Change) ([]goatee.Item, error) {
	if c, ok := goatee.As[goatee.Checker](tr); ok {
		if err := c.Check(ctx); err != nil {
			return nil, err
		}
	}
	own := make([]*goatee.Change, len(changes))
	for i, c := range changes {
		own[i] = c.Clone()
	}
	return goatee.Prepare(ctx, tr, own)
}

func newEncoder() *bulk.Encoder { return bulk.NewEncoder(bulk.Options{}, nil) }

// appendAction appends an action as the bulk API takes it, and a drop in the same form.
func appendAction(dst []byte, e *bulk.Encoder, a *goatee.Action) ([]byte, error) {
	if a.Kind != goatee.ActionDrop {
		dst, _, err := e.Append(dst, a)
		return dst, err
	}
	target, err := e.Target(a)
	if err != nil {
		return dst, err
	}
	dst = append(dst, `{"drop":{"_index":`...)
	return append(bsonjson.AppendString(dst, target.Index), "}}\n"...), nil
}
