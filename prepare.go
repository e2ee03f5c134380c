package goatee

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Prepare turns changes into the actions that a pipeline with this transformer would write for them, without writing
// anything. It returns one item for each change, in order: its Err is set when the transformer failed or panicked. The
// items' changes are those given; their documents become read-only. A nil transformer gives the default actions. The error
// of Prepare is the cause of ctx's end, and nothing else.
func Prepare(ctx context.Context, t Transformer, changes []*Change) ([]Item, error) {
	p := newPreparer(t)
	items := make([]Item, len(changes))
	var prepared []int // of items, those that something is to be done for
	for i, c := range changes {
		if items[i].Change = c; p.add(c) {
			prepared = append(prepared, i)
		}
	}
	if err := p.transform(ctx); err != nil {
		return nil, err
	}
	for n, i := range prepared {
		items[i] = p.items[n]
	}
	return items, nil
}

// preparer turns changes into actions. It is used again from batch to batch.
type preparer struct {
	transformer Transformer
	batch       BatchTransformer // nil when the transformer takes changes one by one
	defaults    []Action         // what the items' actions begin as
	items       []Item
}

func newPreparer(t Transformer) *preparer {
	p := &preparer{transformer: t}
	// Not As: a wrapper that has Transform only would never be called.
	p.batch, _ = t.(BatchTransformer)
	return p
}

// reset begins a batch of n changes.
func (p *preparer) reset(n int) {
	clear(p.defaults)
	clear(p.items)
	p.items = p.items[:0]
	if p.defaults = p.defaults[:0]; cap(p.defaults) < n {
		p.defaults = make([]Action, 0, n)
	}
}

// add adds the item of a change, unless nothing is to be done for it.
func (p *preparer) add(c *Change) bool {
	a, ok := defaultAction(c)
	if !ok {
		return false
	}
	n := len(p.defaults)
	p.defaults = append(p.defaults, a)
	p.items = append(p.items, Item{Change: c, Actions: p.defaults[n : n+1 : n+1]})
	return true
}

// defaultAction returns what a change becomes unless a transformer says otherwise; ok is false when there is nothing to
// do. It makes the change's documents read-only.
func defaultAction(c *Change) (a Action, ok bool) {
	c.Document.freeze()
	c.Before.freeze()
	switch {
	case c.Op == OpDelete:
		return Action{Kind: ActionDelete, Change: c}, true
	case c.Op.IsBarrier():
		return Action{Kind: ActionDrop, Change: c}, true
	case c.Op.HasDocument() && !c.Document.IsZero():
		return Action{Change: c}, true
	}
	return Action{}, false
}

// transform calls the transformer for the items, and checks what it returns.
func (p *preparer) transform(ctx context.Context) error {
	if p.transformer == nil {
		return nil
	}
	if p.batch != nil {
		p.transformBatch(ctx, p.items)
	} else {
		for i := range p.items {
			p.transformOne(ctx, &p.items[i])
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // what failed may have failed because of it
	}
	for i := range p.items {
		p.items[i].check()
	}
	return nil
}

func (p *preparer) transformOne(ctx context.Context, it *Item) {
	it.Err = guard(func() (err error) {
		it.Actions, err = p.transformer.Transform(ctx, it.Change, it.Actions)
		return err
	})
}

// transformBatch calls the batch transformer. When a call fails as a whole its items are divided, down to the one that
// is to blame, unless all of them are to be tried again later anyway.
func (p *preparer) transformBatch(ctx context.Context, items []Item) {
	if len(items) == 0 {
		return
	}
	err := guard(func() error { return p.batch.TransformBatch(ctx, items) })
	switch {
	case err == nil || ctx.Err() != nil:
	case len(items) == 1 || isTemporary(err):
		for i := range items {
			items[i].Err = err
		}
	default:
		for i := range items { // the call may have worked on some of them
			items[i].restore()
		}
		p.transformBatch(ctx, items[:len(items)/2])
		p.transformBatch(ctx, items[len(items)/2:])
	}
}

// restore gives the item its default actions again.
func (it *Item) restore() {
	it.Err, it.Actions = nil, nil
	if a, ok := defaultAction(it.Change); ok {
		it.Actions = []Action{a}
	}
}

var errNoChange = errors.New("the transformer returned an action without Change: set it to the change it comes from")

// check refuses what no sink could attribute to a document.
func (it *Item) check() {
	if it.Err != nil {
		return
	}
	for i := range it.Actions {
		if it.Actions[i].Change == nil {
			it.Err = errNoChange
			return
		}
	}
}

// guard calls f and turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, v, debug.Stack())
		}
	}()
	return f()
}
