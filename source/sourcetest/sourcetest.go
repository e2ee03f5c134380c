package sourcetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
)

// Subject is the source under test.
type Subject struct {
	// New returns a source that has nothing to read yet, and where to start it. write makes n changes, each of another
	// document, that the source brings, and returns their ids as String of the changes' ID gives them. Each check calls
	// New.
	New func(t *testing.T) (src goatee.Source, from goatee.Position, write func(n int) (ids []string))
	Features
}

// Features says which of the promises that not every source makes are to be checked.
type Features struct {
	// Ordered: changes come in the order they were made in.
	Ordered bool
	// Resumable: a run from any position brings exactly what comes behind it.
	Resumable bool
	// Finite: Run returns nil when everything has been read, and the last position says Complete.
	Finite bool
	// CatchesUp: batches say when there is nothing more to read, and tell the newest cluster time of MongoDB.
	CatchesUp bool
}

// Run runs the suite.
func Run(t *testing.T, s Subject) {
	t.Run("says what it is", s.testIdentity)
	t.Run("brings every change", s.testAll)
	t.Run("says when it has caught up", s.testCaughtUp)
	t.Run("fetches documents", s.testFetch)
	t.Run("resumes behind every position", s.testResume)
	t.Run("waits while the pipeline is full", s.testBackPressure)
	t.Run("ends with its context while it waits", s.testStopWhileBlocked)
	t.Run("returns the error of the pipeline", s.testEmitError)
	t.Run("leaves batches alone until they are released", s.testOwnership)
}

const changes = 40

func (s Subject) testAll(t *testing.T) {
	src, from, write := s.New(t)
	require.NotEmpty(t, src.Name())
	require.Equal(t, src.Name(), src.Name())
	want := write(changes)
	p := s.start(t, src, from)
	got := p.wait(t, want)
	if !s.Ordered {
		slices.Sort(got)
		slices.Sort(want)
	}
	require.Equal(t, want, got)
	p.requireBatches(t)
	err := p.stop()
	if s.Finite {
		require.NoError(t, err)
		batches := p.snapshot()
		require.True(t, batches[len(batches)-1].Position.Complete)
		return
	}
	require.ErrorIs(t, err, context.Canceled)
}

func (s Subject) testIdentity(t *testing.T) {
	src, _, _ := s.New(t)
	id := goatee.Identify(src)
	require.Equal(t, src.Name(), id.Name)
	require.Equal(t, id, goatee.Identify(src), "the identity does not change")
	require.NotEqual(t, "unknown", id.Kind.String())
	if read, ok := goatee.As[goatee.DirectReader](src); ok {
		require.Equal(t, goatee.KindDirectRead, id.Kind)
		require.Equal(t, id.Namespace, read.Namespace())
		require.False(t, read.Begun(), "a read that was never run has not begun")
	}
}

func (s Subject) testCaughtUp(t *testing.T) {
	if !s.CatchesUp {
		t.Log("not promised by this source")
		return
	}
	src, from, write := s.New(t)
	p := s.start(t, src, from)
	requireCaughtUp := func(after int) {
		require.Eventually(t, func() bool {
			for _, b := range p.snapshot()[after:] {
				if b.caughtUp && !b.head.IsZero() {
					return true
				}
			}
			return false
		}, patience, tick, "a batch must say that there is nothing more to read, and the newest cluster time")
	}
	requireCaughtUp(0)
	want := write(changes)
	p.wait(t, want)
	seen, after := 0, 0
	for seen < len(want) {
		seen += len(p.snapshot()[after].ids)
		after++
	}
	requireCaughtUp(after - 1)
	p.requireBatches(t)
	require.Error(t, p.stop())
}

// testFetch fetches the documents that changes have already, and that of one that does not exist.
func (s Subject) testFetch(t *testing.T) {
	src, from, write := s.New(t)
	fetcher, ok := goatee.As[goatee.DocumentFetcher](src)
	if !ok {
		t.Log("not a goatee.DocumentFetcher")
		return
	}
	want := write(changes)
	p := s.start(t, src, from)
	p.wait(t, want)
	var all []*goatee.Change
	var documents []string
	for _, b := range p.snapshot() {
		for _, c := range b.changes {
			if c.Op.HasDocument() {
				documents = append(documents, print(c))
				c.Document = goatee.Document{}
				all = append(all, c)
			}
		}
	}
	gone := *all[0]
	gone.ID = bson.RawValue{Type: bsontype.ObjectID, Value: []byte("no such id..")}
	rest := append(slices.Clone(all), &gone)
	for len(rest) > 0 {
		before := len(rest)
		var err error
		rest, err = fetcher.Fetch(t.Context(), rest, func(c *goatee.Change, err error) {
			require.NoError(t, err, "fail must not be called for %s", c.ID)
		})
		require.NoError(t, err)
		require.Less(t, len(rest), before, "each call must make progress")
	}
	for i, c := range all {
		require.Equal(t, documents[i], print(c))
	}
	require.True(t, gone.Document.IsZero(), "a document that does not exist must stay zero")
	_ = p.stop()
}

func (s Subject) testResume(t *testing.T) {
	if !s.Resumable {
		t.Log("not promised by this source")
		return
	}
	src, from, write := s.New(t)
	want := write(changes / 2)
	p := s.start(t, src, from)
	p.wait(t, want)
	want = append(want, write(changes/2)...)
	p.wait(t, want)
	require.Error(t, p.stop())
	seen := 0
	for _, b := range p.snapshot() {
		seen += len(b.ids)
		again := s.start(t, src, b.Position)
		require.Equal(t, want[seen:], again.wait(t, want[seen:]), "from %s", b.Position)
		require.Error(t, again.stop())
	}
}

func (s Subject) testBackPressure(t *testing.T) {
	src, from, write := s.New(t)
	want := write(changes)
	p := s.prepare(t, src, from)
	p.gate = make(chan struct{})
	p.run()
	p.requireOneWaiting(t)
	close(p.gate)
	require.Len(t, p.wait(t, want), changes)
	_ = p.stop()
}

func (s Subject) testStopWhileBlocked(t *testing.T) {
	src, from, write := s.New(t)
	write(changes)
	p := s.prepare(t, src, from)
	p.gate = make(chan struct{})
	p.run()
	p.requireOneWaiting(t)
	require.ErrorIs(t, p.stop(), context.Canceled)
}

func (s Subject) testEmitError(t *testing.T) {
	src, from, write := s.New(t)
	write(1)
	closed := errors.New("the pipeline is closed")
	calls := 0
	err := src.Run(t.Context(), from, func(context.Context, *goatee.Batch) error {
		calls++
		return closed
	})
	require.ErrorIs(t, err, closed)
	require.Equal(t, 1, calls, "nothing may be emitted after an error")
}

func (s Subject) testOwnership(t *testing.T) {
	src, from, write := s.New(t)
	want := write(changes / 2)
	p := s.prepare(t, src, from)
	p.keep = true
	p.run()
	if !s.Finite {
		p.wait(t, want)
		want = append(want, write(changes/2)...)
	}
	p.wait(t, want)
	_ = p.stop()
	for _, b := range p.snapshot() {
		for i := range b.batch.Changes {
			require.Equal(t, b.copies[i], print(&b.batch.Changes[i]), "a batch must not change before its release")
		}
		if b.batch.Release != nil {
			b.batch.Release()
		}
	}
}

// start runs a source and checks, when it has stopped, that nothing of it is left.
func (s Subject) start(t *testing.T, src goatee.Source, from goatee.Position) *pipeline {
	p := s.prepare(t, src, from)
	p.run()
	return p
}

func (s Subject) prepare(t *testing.T, src goatee.Source, from goatee.Position) *pipeline {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &pipeline{src: src, from: from, ctx: ctx, cancel: cancel, done: make(chan struct{}), finite: s.Finite}
	p.ignore = goleak.IgnoreCurrent()
	t.Cleanup(func() {
		_ = p.stop()
		if !t.Failed() {
			goleak.VerifyNone(t, p.ignore,
				// The client belongs to the subject: its connections come and go.
				goleak.IgnoreAnyFunction("go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*rttMonitor).start"),
				goleak.IgnoreAnyFunction("go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*cancellListener).Listen"),
				goleak.IgnoreAnyFunction("go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*Server).update"),
				goleak.IgnoreAnyFunction("go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*pool).createConnections"),
				goleak.IgnoreAnyFunction("go.mongodb.org/mongo-driver/x/mongo/driver/topology.(*pool).maintain"))
		}
	})
	return p
}
