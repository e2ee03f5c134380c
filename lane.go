package goatee

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// item is a change on its way through a lane.
type item struct {
	change *Change
	t      *tracked // of its batch
	hash   uint64   // of the document's Elasticsearch identity
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
	queue chan *part
	load  atomic.Int64 // bytes that are queued or being written
	// gathering says that the lane waits for more before it writes.
	gathering atomic.Bool
	apply     *applier

	// What follows is reused from batch to batch.
	parts []*part
	items []item
	ops   ops
	bytes int // of parts
	seen  map[uint64]*item
}

func newLane(p *pipeline, index int, hash *hasher) *lane {
	// The queue's length hardly matters: what waits in it is bounded by the budget.
	return &lane{p: p, queue: make(chan *part, 64), apply: newApplier(p, index, hash), seen: map[uint64]*item{}}
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

// settle lets go of what is durable or kept aside. From here on its documents may take another lane.
func (l *lane) settle() {
	for i, p := range l.parts {
		for k := range p.items {
			l.p.routes.release(p.items[k].hash)
		}
		l.load.Add(-int64(p.bytes))
		p.t.settle()
		p.free()
		l.parts[i] = nil
	}
	clear(l.items) // nothing of a batch is kept while the lane waits for the next
	l.p.busy.add(-len(l.parts))
}

// gather waits for a part and takes what else is queued, up to the limits: batches grow while Elasticsearch is busy. A lone
// change leaves at once; while changes come in numbers a small batch waits a moment for others.
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
	if l.bytes < gatherBytes {
		if d := l.p.pace.gather(); d > 0 {
			return l.linger(ctx, d)
		}
	}
	l.takeQueued()
	return true
}

// takeQueued takes what is queued, up to the limits.
func (l *lane) takeQueued() {
	for l.bytes < l.p.batchBytes && len(l.items) < l.p.batchActions {
		select {
		case p, ok := <-l.queue:
			if !ok {
				return
			}
			l.take(p)
		default:
			return
		}
	}
}

// linger waits for what comes at about the same time.
func (l *lane) linger(ctx context.Context, d time.Duration) bool {
	l.gathering.Store(true)
	defer l.gathering.Store(false)
	timer := time.NewTimer(d)
	defer timer.Stop()
	for l.bytes < gatherBytes && len(l.items) < l.p.batchActions {
		select {
		case p, ok := <-l.queue:
			if !ok {
				return true
			}
			l.take(p)
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	l.takeQueued()
	return true
}

func (l *lane) take(p *part) {
	l.parts = append(l.parts, p)
	l.items = append(l.items, p.items...)
	l.ops |= p.ops
	l.bytes += p.bytes
}

func (l *lane) process(ctx context.Context) error {
	items := l.items
	if l.p.room.active.Load() {
		items = l.p.room.follow(items)
	}
	if l.ops.has(OpRead) && l.p.reads.active.Load() {
		items = l.p.reads.dropStale(items)
	}
	if l.p.latest && !l.ops.only(OpInsert, OpRead) { // among which no document occurs twice
		n := len(items)
		items = l.collapse(items)
		l.p.counts.coalesced.Add(int64(n - len(items)))
	}
	aside, err := l.apply.apply(ctx, items, l.ops.has(OpUpdate), l.bytes)
	if err != nil {
		return err
	}
	if len(aside) > 0 {
		l.p.room.hold(aside)
	}
	return nil
}

// collapse keeps the newest of several changes of one document. Direct reads take no part: their version may be older
// than that of a change that was queued before them. Nor does a change of another source: should it have to wait, the
// position of this one would pass what is not durable.
func (l *lane) collapse(items []item) []item {
	keep := len(items)
	for i := len(items) - 1; i >= 0; i-- {
		it := &items[i]
		read := it.change.Op == OpRead
		if newer := l.seen[it.hash]; !read && newer != nil && newer.t.src == it.t.src && supersedes(newer.change, it.change) {
			continue
		}
		keep--
		items[keep] = *it
		if !read {
			l.seen[it.hash] = &items[keep]
		}
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
