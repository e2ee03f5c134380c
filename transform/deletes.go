package transform

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// AskOnDelete deletes documents where t has put them. For a delete that has a pre-image it calls t with a replacement by
// that document, and sends deletes to the indices, ids and routings that t returns. Everything else goes through t
// unchanged. With it, functions that choose an index or a routing by the document's content, such as those of Edit or
// plugin.Map, need no delete strategy of the sink, as long as the collection records pre-images and the source asks for
// them.
//
// Where t would ignore the document, the plain delete is sent.
func AskOnDelete(t goatee.Transformer) goatee.Transformer {
	if t == nil {
		return &perChange{err: misuse("AskOnDelete", "no transformer", "give it one")}
	}
	return &askOnDelete{inner: t, run: asStep(t)}
}

type askOnDelete struct {
	inner goatee.Transformer
	run   step
}

func (d *askOnDelete) step() {}

func (d *askOnDelete) Unwrap() goatee.Transformer { return d.inner }

func (d *askOnDelete) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	return transformOne(ctx, d, c, actions)
}

// asked is a delete whose place among the items is taken by a replacement.
type asked struct {
	at   int
	item goatee.Item
}

func (d *askOnDelete) TransformBatch(ctx context.Context, items []goatee.Item) error {
	var deletes []asked
	for i := range items {
		if c := items[i].Change; c.Op == goatee.OpDelete && !c.Before.IsZero() && hasWork(&items[i]) {
			deletes = append(deletes, asked{i, items[i]})
			items[i] = question(c)
		}
	}
	err := d.run.TransformBatch(ctx, items)
	for _, q := range deletes {
		items[q.at] = q.answer(&items[q.at])
	}
	return err
}

// question is the replacement that would have written a deleted document.
func question(c *goatee.Change) goatee.Item {
	shadow := *c
	shadow.Op, shadow.Document, shadow.Before = goatee.OpReplace, c.Before, goatee.Document{}
	return goatee.Item{Change: &shadow, Actions: []goatee.Action{{Change: &shadow}}}
}

// answer returns the delete with the targets of what was written.
func (q *asked) answer(written *goatee.Item) goatee.Item {
	it := q.item
	if it.Err = written.Err; it.Err != nil || len(written.Actions) == 0 {
		return it
	}
	it.Actions = written.Actions
	for i := range it.Actions {
		a := &it.Actions[i]
		a.Change = it.Change
		if a.Kind != goatee.ActionDelete {
			MakeDelete(a)
		}
	}
	return it
}
