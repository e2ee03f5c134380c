package goatee

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// item is a change on its way through a lane.
type item struct {
	change *Change
	src    *sourceState
	hash   uint64 // of the document's Elasticsearch identity
}

// part is what one batch brings to one lane.
type part struct {
	t     *tracked
	items []item
	bytes int
	ops   ops
}

// ops is a set of operations: what a batch can be spared without a look at each change.
type ops uint16

func (o ops) has(op Op) bool { return o&(1<<op) != 0 }

// only reports whether there is nothing but what allowed holds.
func (o ops) only(allowed ...Op) bool {
	for _, op := range allowed {
		o &^= 1 << op
	}
	return o == 0
}

const (
	// itemOverhead stands for what a change weighs beyond its document: an action line, a delete.
	itemOverhead = 128
	// missingBytes stands for a document that is still to be fetched.
	missingBytes = 1 << 10
)

var partPool = sync.Pool{New: func() any { return new(part) }}

func newPart(t *tracked) *part {
	p := partPool.Get().(*part)
	p.t = t
	return p
}

func (p *part) add(i item) {
	p.items = append(p.items, i)
	p.bytes += i.change.Document.Len() + itemOverhead
	if i.lacksDocument() {
		p.bytes += missingBytes
	}
	p.ops |= 1 << i.change.Op
}

func (p *part) free() {
	clear(p.items)
	*p = part{items: p.items[:0]}
	partPool.Put(p)
}

// lane writes the changes of its documents in order: look-ups, transform, write, done. A document has one lane at a time,
// and a lane has one write under way at a time, so that order per document holds whatever the other lanes do.
type lane struct {
	p     *pipeline
	index int
	queue chan *part
	load  atomic.Int64 // bytes that are queued or being written
	hash  *hasher

	// What follows is reused from batch to batch.
	parts   []*part
	items   []item
	ops     ops
	bytes   int // of parts
	actions []Action
	spare   []Action // swapped with actions by a transformer
	out     []Item
	seen    map[uint64]*Change
	need    []*Change
	failed  map[*Change]error
}

func newLane(p *pipeline, index int, hash *hasher) *lane {
	// The queue's length hardly matters: what waits in it is bounded by the budget.
	return &lane{p: p, index: index, queue: make(chan *part, 64), hash: hash.clone(), seen: map[uint64]*Change{}, failed: map[*Change]error{}}
}

// run writes what arrives until the queue is closed or ctx ends, which leaves the rest unacknowledged.
func (l *lane) run(ctx context.Context) error {
	for l.gather(ctx) {
		if err := l.process(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // the cause is known already
			}
			return err
		}
		l.settle()
	}
	return nil
}

// put queues a part; it waits while the queue is full.
func (l *lane) put(ctx context.Context, p *part) error {
	l.load.Add(int64(p.bytes))
	select {
	case l.queue <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle lets go of what is durable. From here on its documents may take another lane.
func (l *lane) settle() {
	for i, p := range l.parts {
		for k := range p.items {
			l.p.routes.release(p.items[k].hash)
		}
		l.load.Add(-int64(p.bytes))
		p.t.settle(1)
		p.free()
		l.parts[i] = nil
	}
	// Nothing of a batch is kept while the lane waits for the next.
	clear(l.items)
	clear(l.need)
	l.p.busy.add(-len(l.parts))
}

// gather waits for a part and takes what else is queued, up to the limits: batches grow while Elasticsearch is busy,
// and a lone change waits for nobody.
func (l *lane) gather(ctx context.Context) bool {
	l.parts, l.items, l.ops, l.bytes = l.parts[:0], l.items[:0], 0, 0
	select {
	case p, ok := <-l.queue:
		if !ok {
			return false
		}
		l.take(p)
	case <-ctx.Done():
		return false
	}
	for l.bytes < l.p.batchBytes && len(l.items) < l.p.batchActions {
		select {
		case p, ok := <-l.queue:
			if !ok {
				return true
			}
			l.take(p)
		default:
			return true
		}
	}
	return true
}

func (l *lane) take(p *part) {
	l.parts = append(l.parts, p)
	l.items = append(l.items, p.items...)
	l.ops |= p.ops
	l.bytes += p.bytes
}

func (l *lane) process(ctx context.Context) error {
	items := l.p.deletes.filter(l, l.items)
	if l.p.latest && !l.ops.only(OpInsert, OpRead) { // among which no document occurs twice
		n := len(items)
		items = l.collapse(items)
		l.p.counts.coalesced.Add(int64(n - len(items)))
	}
	for len(items) > 0 {
		n := l.limit(items)
		if l.ops.has(OpUpdate) {
			var err error
			if n, err = l.fetch(ctx, items[:n]); err != nil {
				return err
			}
		}
		if err := l.write(ctx, items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// limit returns how many of items are written at once: one part may be more than the limits allow.
func (l *lane) limit(items []item) int {
	n := min(len(items), l.p.batchActions)
	if l.bytes <= l.p.batchBytes {
		return n
	}
	bytes := 0
	for i := range items[:n] {
		bytes += items[i].change.Document.Len()
		if bytes > l.p.batchBytes {
			return max(i, 1)
		}
	}
	return n
}

// collapse keeps the newest of several changes of one document. Direct reads take no part: their version may be older
// than that of a change that was queued before them.
func (l *lane) collapse(items []item) []item {
	keep := len(items)
	for i := len(items) - 1; i >= 0; i-- {
		c := items[i].change
		if c.Op != OpRead {
			if newer := l.seen[items[i].hash]; newer != nil && supersedes(newer, c) {
				continue
			}
			l.seen[items[i].hash] = c
		}
		keep--
		items[keep] = items[i]
	}
	clear(l.seen)
	return items[keep:]
}

// supersedes reports whether newer leaves nothing of older. A delete followed by a new document is still to be applied:
// the new one may be written to another index or with another routing.
func supersedes(newer, older *Change) bool {
	return (older.Op != OpDelete || newer.Op == OpDelete) && newer.ID.Type == older.ID.Type && string(newer.ID.Value) == string(older.ID.Value) &&
		newer.Namespace == older.Namespace && newer.Version() >= older.Version()
}

func (i *item) lacksDocument() bool {
	return i.change.Op == OpUpdate && i.change.Document.IsZero() && i.src.fetcher != nil
}

// fetch gets the documents of updates, one source at a time, and returns how many items at the front can be written.
func (l *lane) fetch(ctx context.Context, items []item) (int, error) {
	var src *sourceState
	l.need = l.need[:0]
	ready := len(items)
	for i := range items {
		if !items[i].lacksDocument() {
			continue
		}
		if src == nil {
			src = items[i].src
		}
		if items[i].src != src {
			ready = i
			break
		}
		l.need = append(l.need, items[i].change)
	}
	if src == nil {
		return ready, nil
	}
	rest, err := src.fetcher.Fetch(ctx, l.need, func(c *Change, err error) { l.failed[c] = err })
	if err != nil {
		return 0, fmt.Errorf("fetch documents for %s: %w", src.name, err)
	}
	if len(rest) == 0 {
		return ready, nil
	}
	return l.firstOf(items[:ready], rest)
}

// firstOf returns the index of the first item that is still without its document.
func (l *lane) firstOf(items []item, rest []*Change) (int, error) {
	left := make(map[*Change]bool, len(rest))
	for _, c := range rest {
		left[c] = true
	}
	for i := range items {
		if left[items[i].change] {
			if i == 0 {
				return 0, errors.New("a document fetcher made no progress")
			}
			return i, nil
		}
	}
	return len(items), nil
}

// write turns items into actions and makes them durable.
func (l *lane) write(ctx context.Context, items []item) error {
	l.actions = slices.Grow(l.actions[:0], len(items))
	for i := range items {
		if a, ok := defaultAction(items[i].change); ok {
			l.actions = append(l.actions, a)
		}
	}
	if l.p.transformer != nil {
		if err := l.transform(ctx); err != nil {
			return err
		}
		l.actions = l.p.deletes.filterUnversioned(l, items, l.actions)
	}
	if len(l.actions) == 0 {
		return nil
	}
	began := time.Now()
	err := l.p.sink.Write(ctx, l.actions)
	notify(l.p.observer.Written,
		WriteInfo{Lane: l.index, Changes: len(items), Actions: len(l.actions), Took: time.Since(began), Err: err})
	err = l.buryRefused(ctx, err)
	clear(l.actions) // so that no document outlives its batch
	return err
}

func defaultAction(c *Change) (Action, bool) {
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

// transform replaces the lane's default actions by what the transformer makes of them.
func (l *lane) transform(ctx context.Context) error {
	defaults := l.actions
	l.out = l.out[:0]
	for i := range defaults {
		l.out = append(l.out, Item{Change: defaults[i].Change, Actions: defaults[i : i+1 : i+1]})
	}
	began := time.Now()
	if batch, ok := l.p.transformer.(BatchTransformer); ok {
		if err := guard(func() error { return batch.TransformBatch(ctx, l.out) }); err != nil {
			for i := range l.out {
				l.out[i].Err = err
			}
		}
	} else {
		for i := range l.out {
			it := &l.out[i]
			it.Err = guard(func() (err error) {
				it.Actions, err = l.p.transformer.Transform(ctx, it.Change, it.Actions)
				return err
			})
		}
	}
	if len(l.out) > 0 {
		l.p.transforming.observe(time.Since(began), len(l.out))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // what failed may have failed because of it
	}
	return l.collect(ctx)
}

// collect puts the transformed actions in a row. Usually there is one per change, in place already.
func (l *lane) collect(ctx context.Context) error {
	actions := l.spare[:0]
	for i := range l.out {
		it := &l.out[i]
		if it.Err != nil {
			if err := l.bury(ctx, newDeadLetter(StageTransform, "", it.Change, it.Err)); err != nil {
				return err
			}
			continue
		}
		actions = append(actions, it.Actions...)
	}
	clear(l.out)
	clear(l.actions)
	l.actions, l.spare = actions, l.actions
	return nil
}

// guard turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, v, debug.Stack())
		}
	}()
	return f()
}

// buryRefused dead-letters the actions a write refused and passes on every other error.
func (l *lane) buryRefused(ctx context.Context, err error) error {
	failed, rest := SplitBatchError(err)
	if rest != nil {
		return rest
	}
	for _, e := range failed {
		if err := l.bury(ctx, newDeadLetter(StageWrite, "", l.actions[e.Ordinal].Change, e)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) bury(ctx context.Context, d DeadLetter) error {
	l.p.counts.deadLetters.Add(1)
	notify(l.p.observer.DeadLetter, d)
	if err := l.p.deadLetter(ctx, d); err != nil {
		return fmt.Errorf("dead letter handler: %w", err)
	}
	return nil
}
