package goatee_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// elastic is a Sink that behaves as Elasticsearch does where it matters to the engine: a document's identity is its
// index, id and routing; external versions are compared, also with those of deleted documents until they are forgotten;
// indices may be blocked. Its functions are called with the lock held.
type elastic struct {
	mu      sync.Mutex
	docs    map[goatee.Target]stored
	graves  map[goatee.Target]int64 // versions of deleted documents
	blocked map[string]bool
	log     []written
	// before is called without the lock before a write takes effect; an error fails the write.
	before  func(ctx context.Context, actions []goatee.Action) error
	refuses func(a *goatee.Action) bool
	doubts  func(a *goatee.Action) bool
}

type stored struct {
	v       int32
	version int64
}

// written is one action that was sent, whatever became of it.
type written struct {
	goatee.Target
	kind goatee.ActionKind
	time uint32 // of the change
	at   time.Time
}

func newElastic() *elastic {
	return &elastic{docs: map[goatee.Target]stored{}, graves: map[goatee.Target]int64{}, blocked: map[string]bool{}}
}

func targetOf(a *goatee.Action) goatee.Target {
	t := goatee.Target{Index: a.Index, ID: a.ID, Routing: a.Routing}
	if t.Index == "" {
		t.Index = strings.ToLower(a.Change.Namespace.String())
	}
	if t.ID == "" && a.Change.ID.Type != 0 {
		t.ID = fmt.Sprint(a.Change.ID.Int32())
	}
	return t
}

func (e *elastic) Write(ctx context.Context, actions []goatee.Action) error {
	if e.before != nil {
		if err := e.before(ctx, actions); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failed goatee.BatchError
	for i := range actions {
		if f := e.do(i, &actions[i]); f != nil {
			failed.Failed = append(failed.Failed, f)
		}
	}
	if len(failed.Failed) > 0 {
		return &failed
	}
	return nil
}

func (e *elastic) do(i int, a *goatee.Action) *goatee.ActionError {
	t := targetOf(a)
	e.log = append(e.log, written{Target: t, kind: a.Kind, time: a.Change.ClusterTime.T, at: time.Now()})
	fail := func(index string, class goatee.ActionClass) *goatee.ActionError {
		f := goatee.NewActionError(i, a)
		f.Target, f.Class, f.Status, f.Type, f.Attempts = t, class, 400, class.String()+"_exception", 1
		f.Target.Index = index
		return f
	}
	if a.Kind == goatee.ActionDrop {
		if index := e.drop(a, t.Index); index != "" {
			return fail(index, goatee.ClassBlocked)
		}
		return nil
	}
	switch {
	case e.blocked[t.Index]:
		return fail(t.Index, goatee.ClassBlocked)
	case e.refuses != nil && e.refuses(a):
		return fail(t.Index, goatee.ClassRefused)
	case e.doubts != nil && e.doubts(a):
		return fail(t.Index, goatee.ClassDoubtful)
	}
	e.apply(a, t)
	return nil
}

func (e *elastic) apply(a *goatee.Action, t goatee.Target) {
	version := a.ExternalVersion()
	there := max(e.docs[t].version, e.graves[t])
	if version == 0 {
		version = there + 1
	}
	if version < there {
		return
	}
	if a.Kind == goatee.ActionDelete {
		delete(e.docs, t)
		e.graves[t] = version
		return
	}
	v, _ := a.Body().Lookup("v").Int32OK()
	delete(e.graves, t)
	e.docs[t] = stored{v: v, version: version}
}

// drop deletes the indices of a collection or a database and returns one that is blocked, if any.
func (e *elastic) drop(a *goatee.Action, index string) (blocked string) {
	whole := a.Change.Op == goatee.OpDropDatabase
	concerned := func(name string) bool { return name == index || whole && strings.HasPrefix(name, index+".") }
	for name := range e.blocked {
		if concerned(name) {
			return name
		}
	}
	maps.DeleteFunc(e.docs, func(t goatee.Target, _ stored) bool { return concerned(t.Index) })
	maps.DeleteFunc(e.graves, func(t goatee.Target, _ int64) bool { return concerned(t.Index) })
	return ""
}

// forget drops the versions of deleted documents, as Elasticsearch does after index.gc_deletes.
func (e *elastic) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.graves)
}

func (e *elastic) block(indices ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range indices {
		e.blocked[name] = true
	}
}

func (e *elastic) unblock(indices ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range indices {
		delete(e.blocked, name)
	}
}

// state returns what is stored, as "index/id" or "index/id?routing" and v.
func (e *elastic) state() map[string]int32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	state := map[string]int32{}
	for t, d := range e.docs {
		state[text(t)] = d.v
	}
	return state
}

func text(t goatee.Target) string {
	if t.Routing != "" {
		return t.Index + "/" + t.ID + "?" + t.Routing
	}
	return t.Index + "/" + t.ID
}

// sent returns what was sent to an index.
func (e *elastic) sent(index string) (sent []written) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.log {
		if w.Index == index {
			sent = append(sent, w)
		}
	}
	return sent
}

// bounded ends everything when a test never comes to rest, after some seconds and with what is running.
func bounded(t *testing.T) {
	t.Helper()
	name := t.Name()
	watchdog := time.AfterFunc(10*time.Second, func() {
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		panic(name + " does not come to rest: see the goroutines above")
	})
	t.Cleanup(func() { watchdog.Stop() })
}

// bubble runs f in virtual time, bounded.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bounded(t)
	synctest.Test(t, f)
}

// rest lets some of the bubble's time pass, and waits until what happens at its end has happened.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// feed is a Source that brings what a test pushes, one batch for each push; its position counts them.
type feed struct {
	name string
	ch   chan *goatee.Batch
	n    uint32
}

func newFeed(name string) *feed { return &feed{name: name, ch: make(chan *goatee.Batch, 10_000)} }

func (f *feed) Name() string { return f.name }

func (f *feed) Run(ctx context.Context, _ goatee.Position, emit goatee.EmitFunc) error {
	for {
		select {
		case b, ok := <-f.ch:
			if !ok {
				return nil
			}
			if err := emit(ctx, b); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *feed) push(changes ...goatee.Change) *goatee.Batch {
	b := &goatee.Batch{Changes: changes, Bytes: 1}
	f.pushBatch(b)
	return b
}

func (f *feed) pushBatch(b *goatee.Batch) {
	f.n++
	b.Position = goatee.Position{ClusterTime: primitive.Timestamp{T: 1, I: f.n}}
	f.ch <- b
}

// in returns a change of another namespace.
func in(ns string, c goatee.Change) goatee.Change {
	parsed, err := goatee.ParseNamespace(ns)
	if err != nil {
		parsed = goatee.Namespace{Database: ns}
	}
	c.Namespace = parsed
	return c
}

// dropOf returns the drop of a collection, or of a database.
func dropOf(ns string, time uint32) goatee.Change {
	c := in(ns, goatee.Change{Op: goatee.OpDrop, ClusterTime: primitive.Timestamp{T: time}})
	if c.Namespace.Collection == "" {
		c.Op = goatee.OpDropDatabase
	}
	return c
}

// running is a Syncer at work.
type running struct {
	*goatee.Syncer
	stop  context.CancelFunc
	ended chan error
}

// start runs a Syncer, in a bubble, until the test ends or end is called.
func start(t *testing.T, opts ...goatee.Option) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{Syncer: newSyncer(t, opts...), stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- r.Run(ctx) }()
	t.Cleanup(stop)
	synctest.Wait()
	return r
}

// end asks the Syncer to stop and returns what Run returns.
func (r *running) end() error {
	r.stop()
	return <-r.ended
}

// sized returns a document {_id: id, v: v} of about so many bytes.
func sized(id, v, bytes int) bson.Raw {
	raw, err := bson.Marshal(bson.D{
		{Key: "_id", Value: int32(id)}, {Key: "v", Value: int32(v)}, {Key: "filling", Value: make([]byte, bytes)},
	})
	if err != nil {
		panic(err)
	}
	return raw
}
