package goatee_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// shape is what a transformer does to documents. places says where a document belongs, as a function of its v.
type shape struct {
	name     string
	places   func(ns goatee.Namespace, v int32) []place
	all      func(ns goatee.Namespace) []place // everywhere a document may be
	kind     goatee.ActionKind
	versions goatee.VersionType // of deletes
}

// place is an index and a routing.
type place struct{ index, routing string }

func home(ns goatee.Namespace) []place { return []place{{index: ns.String()}} }

func halves(ns goatee.Namespace) []place {
	return []place{{index: ns.String() + "-a"}, {index: ns.String() + "-b"}}
}

func routings(ns goatee.Namespace) []place {
	return []place{{ns.String(), "a"}, {ns.String(), "b"}}
}

func oneOf(all func(goatee.Namespace) []place) func(goatee.Namespace, int32) []place {
	return func(ns goatee.Namespace, v int32) []place { p := all(ns); return p[int(v)%len(p):][:1] }
}

var shapes = []shape{
	{name: "as it is", places: oneOf(home), all: home},
	{name: "drops", all: home, places: func(ns goatee.Namespace, v int32) []place {
		if v%3 == 0 {
			return nil
		}
		return home(ns)
	}},
	{name: "moves to another index", places: oneOf(halves), all: halves},
	{name: "moves to another routing", places: oneOf(routings), all: routings},
	{name: "two indices", places: func(ns goatee.Namespace, _ int32) []place { return halves(ns) }, all: halves},
	// An update makes the version of what is deleted grow by one: a delete with a version would be too old when both are
	// read again.
	{name: "without versions", places: oneOf(home), all: home, kind: goatee.ActionUpdate, versions: goatee.VersionInternal},
}

// bad documents are what a transformer cannot take, by v; a refused one is what Elasticsearch cannot.
func failsFor(v int32) bool   { return v%11 == 2 }
func panicsFor(v int32) bool  { return v%11 == 3 }
func refusedFor(v int32) bool { return v%13 == 4 }
func retriesFor(v int32) bool { return v%7 == 5 }

// trouble says which kinds of it a run of the model has.
type trouble struct{ errors, refusals, retries, doubts, latest, batch bool }

// shaping is the transformer of the model.
type shaping struct {
	shape
	trouble
	w     *world
	mu    sync.Mutex
	calls map[primitive.Timestamp]int
}

func (s *shaping) LatestOnly() bool { return s.latest }

func (s *shaping) Transform(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	var v int32
	if c.Op.HasDocument() {
		v = c.Document.Lookup("v").Int32()
		if err := s.fail(c, v); err != nil {
			return nil, err
		}
	}
	var out []goatee.Action
	belongs := map[place]bool{}
	if c.Op.HasDocument() {
		for _, p := range s.places(c.Namespace, v) {
			belongs[p] = true
			out = append(out, goatee.Action{Change: c, Kind: s.kind, Index: p.index, Routing: p.routing})
		}
	}
	switch {
	case c.Op == goatee.OpDropDatabase:
		return actions, nil
	case c.Op.IsBarrier():
		dropped := map[string]bool{}
		for _, p := range s.all(c.Namespace) {
			if !dropped[p.index] {
				dropped[p.index] = true
				out = append(out, goatee.Action{Change: c, Kind: goatee.ActionDrop, Index: p.index})
			}
		}
		return out, nil
	}
	for _, p := range s.all(c.Namespace) {
		if !belongs[p] {
			out = append(out, goatee.Action{Change: c, Kind: goatee.ActionDelete, VersionType: s.versions, Index: p.index, Routing: p.routing})
		}
	}
	return out, nil
}

func (s *shaping) fail(c *goatee.Change, v int32) error {
	switch {
	case s.errors && failsFor(v):
		return errors.New("cannot be transformed")
	case s.errors && panicsFor(v):
		panic("cannot be transformed")
	case s.retries && retriesFor(v):
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.calls[c.ClusterTime]++; s.calls[c.ClusterTime] < 3 {
			return goatee.Retry(errors.New("not yet"))
		}
	}
	return nil
}

// batching is shaping in batches: one bad document fails or panics for all.
type batching struct{ *shaping }

func (b batching) TransformBatch(ctx context.Context, items []goatee.Item) error {
	for i := range items {
		actions, err := b.Transform(ctx, items[i].Change, items[i].Actions)
		var again interface{ Temporary() bool }
		if errors.As(err, &again) {
			items[i].Err = err
			continue
		}
		if err != nil {
			return err
		}
		items[i].Actions = actions
	}
	return nil
}

// process is one process's end of Elasticsearch. It notes which changes are settled, and dies when it is told to.
type process struct {
	w  *world
	es *elastic
	r  *rand.Rand

	mu    sync.Mutex
	left  int // writes until the process dies; fewer than 1 is never
	tired int // milliseconds a write may take
	term  *goatee.Term
}

func (p *process) dice(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.r.IntN(n)
}

func (p *process) Write(ctx context.Context, actions []goatee.Action) error {
	if p.tired > 0 {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(p.dice(p.tired)) * time.Millisecond):
		}
	}
	p.mu.Lock()
	p.left--
	dies, term := p.left == 0, p.term
	p.mu.Unlock()
	if term != nil && term.Writing.Err() != nil && ctx.Err() == nil {
		p.w.fault("a write is under way after its leadership has ended")
	}
	if dies {
		_ = p.es.Write(ctx, actions[:p.dice(len(actions)+1)])
		return errKilled
	}
	if p.dice(4) == 0 {
		p.es.forget()
	}
	err := p.es.Write(ctx, actions)
	failed, rest := goatee.SplitBatchError(err)
	if rest != nil {
		return err
	}
	open := map[*goatee.Change]bool{} // not durable by this write
	for _, f := range failed {
		open[actions[f.Ordinal].Change] = true
	}
	for i := range actions {
		if c := actions[i].Change; !open[c] {
			p.w.note(p.w.settled, c.ClusterTime)
		}
	}
	return err
}

// vault is a PositionStore that knows fences. It sees a position pass a change that is not settled.
type vault struct {
	w     *world
	r     *rand.Rand
	mu    sync.Mutex
	fence goatee.Fence
	saved map[string]goatee.Position
	views map[string]*view
	reads map[string]*late
	shaky bool // sometimes nothing can be stored
}

func (v *vault) Load(_ context.Context, source goatee.SourceID) (goatee.Position, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.saved[source.Name], nil
}

func (v *vault) Save(ctx context.Context, fence goatee.Fence, positions []goatee.SourcePosition) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case fence < v.fence:
		return goatee.ErrFenced
	case v.shaky && v.r.IntN(4) == 0:
		return errors.New("nothing can be stored at present")
	}
	v.fence = fence
	for _, p := range positions {
		if p.Position.ClusterTime.I < v.saved[p.Name].ClusterTime.I {
			v.w.fault("the position of %s goes back from %v to %v", p.Name, v.saved[p.Name], p.Position)
		}
		v.saved[p.Name] = p.Position
	}
	for _, p := range positions {
		if s := v.views[p.Name]; s != nil {
			v.check(s, int(p.Position.ClusterTime.I))
		} else if l := v.reads[p.Name]; l != nil {
			v.checkRead(l, p.Position)
		}
	}
	return nil
}

// check looks whether everything before event n of a stream is settled. A change that a newer one of its document made
// needless is, if that one is settled or will be read again.
func (v *vault) check(s *view, n int) {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	needed := map[key]int{} // the first event that is not settled
	for i := range v.w.events {
		c := &v.w.events[i]
		if !s.covers(c) {
			continue
		}
		k := key{ns: c.Namespace}
		fine := v.w.settled[c.ClusterTime] || v.w.dead[c.ClusterTime]
		if c.Op.IsBarrier() {
			if i < n && !fine {
				needed[k] = i
			}
			if fine {
				for k := range needed {
					if concerns(c, k.ns) {
						delete(needed, k)
					}
				}
			}
			continue
		}
		k.id = 1 + c.ID.Int32()
		switch {
		case fine, i >= n && v.w.emitted[c.ClusterTime]:
			delete(needed, k)
		case i < n:
			needed[k] = i
		}
	}
	for k, i := range needed {
		v.w.wrong = append(v.w.wrong, fmt.Sprintf("the position of %s is stored as %d and passes event %d, a %s of %v, which is not settled",
			s.name, n, i, v.w.events[i].Op, k))
	}
}

// checkRead looks whether a direct read that is recorded as complete is.
func (v *vault) checkRead(l *late, p goatee.Position) {
	if !p.Complete || !l.stateful {
		v.w.fault("an incomplete position of %s is stored: %v", l.name, p)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	for _, t := range l.read {
		if v.w.dead[t] {
			v.w.wrong = append(v.w.wrong, fmt.Sprintf("%s is stored as complete though a document is a dead letter", l.name))
		}
	}
}

// election lets one of several processes lead. A leadership may be lost at any moment; the next one does not wait for the
// loser to notice.
type election struct {
	mu     sync.Mutex
	fence  goatee.Fence
	leader *goatee.Term
	lose   context.CancelCauseFunc
	free   chan struct{}
}

func newElection() *election {
	e := &election{free: make(chan struct{}, 1)}
	e.free <- struct{}{}
	return e
}

// candidate is a process's end of an election.
type candidate struct {
	*election
	p *process
}

func (c candidate) Campaign(ctx context.Context) (*goatee.Term, error) {
	select {
	case <-c.free:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fence++
	reading, stopReading := context.WithCancelCause(ctx)
	writing, stopWriting := context.WithCancelCause(context.WithoutCancel(ctx))
	term := &goatee.Term{Fence: c.fence, Reading: reading, Writing: writing}
	lose := func(cause error) { stopReading(cause); stopWriting(cause) }
	term.Resign = func(context.Context) error { c.end(term, lose, nil); return nil }
	c.leader, c.lose = term, lose
	c.p.mu.Lock()
	c.p.term = term
	c.p.mu.Unlock()
	return term, nil
}

// end ends a term, unless it is over.
func (e *election) end(term *goatee.Term, lose context.CancelCauseFunc, cause error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.leader != term {
		return
	}
	e.leader = nil
	lose(cause)
	e.free <- struct{}{}
}

// depose takes the leadership from whoever has it.
func (e *election) depose() {
	e.mu.Lock()
	term, lose := e.leader, e.lose
	e.mu.Unlock()
	if term != nil {
		e.end(term, lose, goatee.ErrLeadershipLost)
	}
}
