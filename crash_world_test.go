package goatee_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// world is a MongoDB with a history that is known from the start and happens bit by bit: number i of its events has
// cluster time i+1.
type world struct {
	events []goatee.Change
	head   atomic.Int64 // how many have happened
	reads  atomic.Uint32

	mu      sync.Mutex
	emitted map[primitive.Timestamp]bool // events that some stream has handed to a pipeline
	settled map[primitive.Timestamp]bool // changes that are durable, or need nothing
	dead    map[primitive.Timestamp]bool // changes that are dead letters
	wrong   []string                     // what must never happen, and did
}

// key names a document.
type key struct {
	ns goatee.Namespace
	id int32
}

var collections = []goatee.Namespace{orders, {Database: "shop", Collection: "logs"}, {Database: "other", Collection: "x"}}

// newWorld returns a world of n random events, with or without drops and renames among them.
func newWorld(r *rand.Rand, n int, drops bool) *world {
	w := &world{
		emitted: map[primitive.Timestamp]bool{}, settled: map[primitive.Timestamp]bool{}, dead: map[primitive.Timestamp]bool{},
	}
	state := map[key]int32{}
	for i := range n {
		ns := collections[r.IntN(len(collections))]
		c := change(goatee.OpUpdate, uint32(i+1), r.IntN(5), i+1)
		c.Namespace = ns
		k := key{ns, c.ID.Int32()}
		_, exists := state[k]
		dice := r.IntN(60)
		if !drops {
			dice = max(dice, 4)
		}
		switch {
		case dice == 0:
			c = dropOf("shop", uint32(i+1))
		case dice < 3:
			c = dropOf(ns.String(), uint32(i+1))
		case dice == 3:
			c = dropOf(ns.String(), uint32(i+1))
			c.Op, c.To = goatee.OpRename, &goatee.Namespace{Database: ns.Database, Collection: "archive"}
		case !exists:
			c.Op = goatee.OpInsert
		case dice < 20:
			c.Op, c.Document = goatee.OpDelete, goatee.Document{}
		case dice < 30:
			c.Op = goatee.OpReplace
		}
		w.events = append(w.events, c)
		advance(state, &c)
	}
	return w
}

// advance applies a change to a state.
func advance(state map[key]int32, c *goatee.Change) {
	switch {
	case c.Op.IsBarrier():
		for k := range state {
			if concerns(c, k.ns) {
				delete(state, k)
			}
		}
	case c.Op == goatee.OpDelete:
		delete(state, key{c.Namespace, c.ID.Int32()})
	default:
		state[key{c.Namespace, c.ID.Int32()}] = c.Document.Lookup("v").Int32()
	}
}

// concerns reports whether a barrier is about a collection.
func concerns(c *goatee.Change, ns goatee.Namespace) bool {
	return c.Namespace == ns || c.Op == goatee.OpDropDatabase && c.Namespace.Database == ns.Database
}

// at returns the state after the first n events.
func (w *world) at(n int) map[key]int32 {
	state := map[key]int32{}
	for i := range w.events[:n] {
		advance(state, &w.events[i])
	}
	return state
}

func (w *world) note(m map[primitive.Timestamp]bool, t primitive.Timestamp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m[t] = true
}

func (w *world) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// happen lets events happen until ctx ends.
func (w *world) happen(ctx context.Context, r *rand.Rand) {
	for int(w.head.Load()) < len(w.events) && ctx.Err() == nil {
		w.head.Add(1)
		if r.IntN(3) == 0 {
			time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
		}
	}
}

// view is a change stream of a collection, a database or everything (zero). Its position is the number of the next event.
type view struct {
	w     *world
	name  string
	of    goatee.Namespace
	r     *rand.Rand
	fetch bool // updates come without their documents
}

func (v *view) Name() string { return v.name }

func (v *view) covers(c *goatee.Change) bool {
	switch {
	case v.of.Database == "":
		return true
	case v.of.Collection == "":
		return c.Namespace.Database == v.of.Database
	}
	return concerns(c, v.of) // a stream of a collection does not see other collections' drops
}

func (v *view) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	for i := int(from.ClusterTime.I); ctx.Err() == nil; {
		b, next := v.read(i)
		if next == i {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(1+v.r.IntN(50)) * time.Millisecond):
			}
			continue
		}
		for _, c := range b.Changes {
			v.w.note(v.w.emitted, c.ClusterTime)
		}
		if err := emit(ctx, b); err != nil {
			return err
		}
		if i = next; v.r.IntN(4) == 0 {
			time.Sleep(time.Duration(v.r.IntN(100)) * time.Millisecond)
		}
	}
	return ctx.Err()
}

// read returns what one read from event i brings, and the number of the next one.
func (v *view) read(i int) (*goatee.Batch, int) {
	b, head := &goatee.Batch{}, int(v.w.head.Load())
	for most := 1 + v.r.IntN(10); i < head && len(b.Changes) < most; i++ {
		c := v.w.events[i]
		if !v.covers(&c) {
			continue
		}
		if c.Op.IsBarrier() && len(b.Changes) > 0 {
			break
		}
		if v.of.Collection != "" && c.Op == goatee.OpDropDatabase {
			c.Op, c.Namespace = goatee.OpDrop, v.of // what such a stream sees of it
		}
		if v.fetch && c.Op == goatee.OpUpdate {
			c.Document = goatee.Document{}
		}
		b.Changes = append(b.Changes, c)
		if c.Op.IsBarrier() {
			i++
			break
		}
	}
	b.CaughtUp = i == head
	b.Position.ClusterTime = primitive.Timestamp{T: 1, I: uint32(i)}
	return b, i
}

// fetching is a view that looks up the documents of updates, as they are now.
type fetching struct{ *view }

func (f fetching) Fetch(_ context.Context, changes []*goatee.Change, _ func(*goatee.Change, error)) ([]*goatee.Change, error) {
	state := f.w.at(int(f.w.head.Load()))
	n := 1 + len(changes)/2
	for _, c := range changes[:n] {
		if !f.covers(c) {
			f.w.fault("a change of %s is looked up by %s", c.Namespace, f.name)
		}
		if v, ok := state[key{c.Namespace, c.ID.Int32()}]; ok {
			c.Document = goatee.NewDocument(value(int(c.ID.Int32()), int(v)))
		} else {
			f.w.note(f.w.settled, c.ClusterTime)
		}
	}
	return changes[n:], nil
}

// late is a direct read of a collection: it reads at one moment and brings what it has read later.
type late struct {
	w        *world
	name     string
	of       goatee.Namespace
	r        *rand.Rand
	stateful bool
	begun    atomic.Bool

	mu   sync.Mutex
	read []primitive.Timestamp // what the latest run has read
}

func (l *late) Name() string                { return l.name }
func (l *late) Namespace() goatee.Namespace { return l.of }
func (l *late) Stateful() bool              { return l.stateful }
func (l *late) Begun() bool                 { return l.begun.Load() }

func (l *late) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	if from.Complete {
		return nil
	}
	l.begun.Store(false)
	l.wait(ctx, 300)
	l.begun.Store(true)
	n := int(l.w.head.Load())
	var changes []goatee.Change
	l.mu.Lock()
	l.read = nil
	for k, v := range l.w.at(n) {
		if k.ns == l.of {
			c := change(goatee.OpRead, uint32(n), int(k.id), int(v))
			c.Namespace, c.ClusterTime.I = k.ns, l.w.reads.Add(1) // newer than event n, older than the next
			changes = append(changes, c)
			l.read = append(l.read, c.ClusterTime)
		}
	}
	l.mu.Unlock()
	for len(changes) > 0 && ctx.Err() == nil {
		l.wait(ctx, 2000)
		m := min(len(changes), 1+l.r.IntN(3))
		b := &goatee.Batch{Changes: changes[:m], Position: goatee.Position{ClusterTime: primitive.Timestamp{T: uint32(n)}}}
		changes = changes[m:]
		if err := emit(ctx, b); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return emit(ctx, &goatee.Batch{Position: goatee.Position{ClusterTime: primitive.Timestamp{T: uint32(n)}, Complete: true}})
}

func (l *late) wait(ctx context.Context, most int) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(l.r.IntN(most)) * time.Millisecond):
	}
}
