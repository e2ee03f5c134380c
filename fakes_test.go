package goatee_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

var orders = goatee.Namespace{Database: "shop", Collection: "orders"}

// value returns a document {_id: id, v: v}.
func value(id, v int) bson.Raw {
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: int32(id)}, {Key: "v", Value: int32(v)}})
	if err != nil {
		panic(err)
	}
	return raw
}

func change(op goatee.Op, time uint32, id, v int) goatee.Change {
	raw := value(id, v)
	c := goatee.Change{Op: op, Namespace: orders, ID: raw.Lookup("_id"), ClusterTime: primitive.Timestamp{T: time}}
	if op != goatee.OpDelete {
		c.Document = goatee.NewDocument(raw)
	}
	return c
}

// stream is a Source over a list of changes; its position is the cluster time of the next one.
type stream struct {
	name    string
	changes []goatee.Change
	batch   int           // changes per batch, default 1
	bytes   int           // of a batch, default 1 per change
	pause   time.Duration // after each batch
	endless bool          // waits for ctx at the end instead of being exhausted
	err     error
}

func (s *stream) Name() string { return s.name }

func (s *stream) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	i := int(from.ClusterTime.I)
	for i < len(s.changes) {
		n := min(max(1, s.batch), len(s.changes)-i)
		for j := range n { // a barrier comes alone
			if s.changes[i+j].Op.IsBarrier() {
				n = max(1, j)
				break
			}
		}
		b := &goatee.Batch{Changes: append([]goatee.Change(nil), s.changes[i:i+n]...), Bytes: max(n, s.bytes)}
		i += n
		b.Position = goatee.Position{ClusterTime: primitive.Timestamp{T: 1, I: uint32(i)}}
		if err := emit(ctx, b); err != nil {
			return err
		}
		if s.pause > 0 {
			time.Sleep(s.pause)
		}
	}
	if s.endless {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.err
}

// reader is a stream of direct reads.
type reader struct {
	stream
	again []goatee.Change // what a second run finds, at a newer cluster time
	runs  int
}

func (r *reader) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	if r.runs++; r.runs > 1 && r.again != nil {
		r.changes = r.again
	}
	return r.stream.Run(ctx, from, emit)
}

func (r *reader) Stateful() bool              { return false }
func (r *reader) Namespace() goatee.Namespace { return orders }
func (r *reader) Begun() bool                 { return true }

// model is a Sink that behaves as an index does: it keeps external versions, and forgets those of deleted documents
// when told to.
type model struct {
	mu       sync.Mutex
	docs     map[string]int32
	versions map[string]int64
	writes   [][]string
	// before is called before a write takes effect; an error fails the write.
	before func(ctx context.Context, actions []goatee.Action) error
	refuse func(*goatee.Action) bool
}

func newModel() *model {
	return &model{docs: map[string]int32{}, versions: map[string]int64{}}
}

func (m *model) Write(ctx context.Context, actions []goatee.Action) error {
	if m.before != nil {
		if err := m.before(ctx, actions); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var refused goatee.BatchError
	var names []string
	for i := range actions {
		a := &actions[i]
		names = append(names, fmt.Sprintf("%s %s %d", a.Kind, a.Change.ID, a.Change.ClusterTime.T))
		if m.refuse != nil && m.refuse(a) {
			e := goatee.NewActionError(i, a)
			e.Status, e.Type = 400, "mapper_parsing_exception"
			refused.Failed = append(refused.Failed, e)
			continue
		}
		m.apply(a)
	}
	m.writes = append(m.writes, names)
	if len(refused.Failed) > 0 {
		return &refused
	}
	return nil
}

func (m *model) apply(a *goatee.Action) {
	key := a.Change.ID.String()
	switch {
	case a.Kind == goatee.ActionDrop:
		clear(m.docs)
		clear(m.versions)
	case a.ExternalVersion() < m.versions[key]:
	case a.Kind == goatee.ActionDelete:
		delete(m.docs, key)
		m.versions[key] = a.ExternalVersion()
	default:
		v, _ := a.Body().Lookup("v").Int32OK()
		m.docs[key] = v
		m.versions[key] = a.ExternalVersion()
	}
}

// forget drops the versions of deleted documents, as Elasticsearch does after index.gc_deletes.
func (m *model) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.versions {
		if _, ok := m.docs[key]; !ok {
			delete(m.versions, key)
		}
	}
}

func (m *model) state() map[string]int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	state := map[string]int32{}
	for k, v := range m.docs {
		state[k] = v
	}
	return state
}

// memory is a PositionStore.
type memory struct {
	mu    sync.Mutex
	saved map[string]goatee.Position
	saves int
	fail  error
}

func newMemory() *memory { return &memory{saved: map[string]goatee.Position{}} }

func (m *memory) Load(_ context.Context, source goatee.SourceID) (goatee.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saved[source.Name], nil
}

func (m *memory) Save(_ context.Context, _ goatee.Fence, positions []goatee.SourcePosition) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.saves++
	for _, p := range positions {
		m.saved[p.Name] = p.Position
	}
	return nil
}

func (m *memory) at(source string) goatee.Position {
	p, _ := m.Load(context.Background(), goatee.SourceID{Name: source})
	return p
}

var errKilled = errors.New("killed")

// history returns random changes of a few documents and the state they lead to.
func history(r *rand.Rand, n int) ([]goatee.Change, map[string]int32) {
	var changes []goatee.Change
	state := map[string]int32{}
	for i := range n {
		id := r.IntN(6)
		c := change(goatee.OpUpdate, uint32(10+i), id, i)
		key := c.ID.String()
		_, exists := state[key]
		switch {
		case !exists:
			c.Op = goatee.OpInsert
			state[key] = int32(i)
		case r.IntN(3) == 0:
			c = change(goatee.OpDelete, uint32(10+i), id, i)
			delete(state, key)
		default:
			state[key] = int32(i)
		}
		changes = append(changes, c)
	}
	return changes, state
}
