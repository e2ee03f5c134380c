package goatee_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

func newSyncer(t *testing.T, opts ...goatee.Option) *goatee.Syncer {
	t.Helper()
	quiet := goatee.WithLogger(slog.New(slog.DiscardHandler))
	s, err := goatee.New(append([]goatee.Option{quiet}, opts...)...)
	require.NoError(t, err)
	return s
}

func TestNewRefusesMisuse(t *testing.T) {
	src, sink := &stream{name: "a"}, newModel()
	for name, tt := range map[string]struct {
		opts []goatee.Option
		want string
	}{
		"no source":        {[]goatee.Option{goatee.WithSink(sink)}, "WithSource: there is no source"},
		"no sink":          {[]goatee.Option{goatee.WithSource(src)}, "WithSink: there is no sink"},
		"nil sink":         {[]goatee.Option{goatee.WithSink(nil)}, "WithSink: the sink is nil"},
		"twice one name":   {[]goatee.Option{goatee.WithSource(src), goatee.WithSource(src), goatee.WithSink(sink)}, `two sources are named "a"`},
		"no lanes":         {[]goatee.Option{goatee.WithLanes(0)}, "WithLanes: 0 lanes"},
		"no budget":        {[]goatee.Option{goatee.WithInFlightBytes(0)}, "WithInFlightBytes"},
		"no batch":         {[]goatee.Option{goatee.WithBatch(0, 1)}, "WithBatch"},
		"negative drain":   {[]goatee.Option{goatee.WithDrainTimeout(-1)}, "WithDrainTimeout"},
		"no interval":      {[]goatee.Option{goatee.WithCheckpointInterval(0)}, "WithCheckpointInterval"},
		"unknown policy":   {[]goatee.Option{goatee.WithLostPosition(9)}, "WithLostPosition"},
		"an elector alone": {[]goatee.Option{goatee.WithSource(src), goatee.WithSink(sink), goatee.WithElector(&elector{})}, "WithElector: there is no position store"},
		"nil transformer":  {[]goatee.Option{goatee.WithTransformer(nil)}, "WithTransformer"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := goatee.New(tt.opts...)
			var config *goatee.ConfigError
			require.ErrorAs(t, err, &config)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestRunWritesTheLastStateOfEachDocument(t *testing.T) {
	bounded(t)
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 2))
		changes, want := history(r, 200)
		sink := newModel()
		s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: changes, batch: 1 + r.IntN(30)}), goatee.WithSink(sink),
			goatee.WithLanes(1+r.IntN(4)), goatee.WithInFlightBytes(int64(1+r.IntN(50))))
		require.NoError(t, s.Run(t.Context()))
		require.Equal(t, want, sink.state(), "seed %d", seed)
		require.Equal(t, int64(200), s.Stats().Applied)
		require.Zero(t, s.Stats().InFlightBytes)
	}
}

func TestRunOnce(t *testing.T) {
	bounded(t)
	s := newSyncer(t, goatee.WithSource(&stream{name: "s"}), goatee.WithSink(newModel()))
	require.NoError(t, s.Run(t.Context()))
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrAlreadyRun)
}

func TestChecksComeBeforeReading(t *testing.T) {
	bad := &goatee.ConfigError{Setting: "mapping", Problem: "no such index"}
	src := &startingStream{stream: &stream{name: "s"}, start: func() { t.Error("started") }}
	s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(newModel()), goatee.WithTransformer(checkedTransformer{bad}))
	require.ErrorIs(t, s.Run(t.Context()), bad)
}

type checkedTransformer struct{ err error }

func (c checkedTransformer) Check(context.Context) error { return c.err }

func (checkedTransformer) Transform(_ context.Context, _ *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
	return a, nil
}

func TestPositionWaitsForAcknowledgement(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink, store := newModel(), newMemory()
		hold := make(chan struct{})
		sink.before = func(ctx context.Context, actions []goatee.Action) error {
			if actions[0].Change.ClusterTime.T == 10 {
				<-hold
			}
			return nil
		}
		changes := []goatee.Change{change(goatee.OpInsert, 10, 1, 1)}
		for i := range 20 { // some of them take the other lane and are written
			changes = append(changes, change(goatee.OpInsert, uint32(11+i), 2+i, 1))
		}
		s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: changes, endless: true}), goatee.WithSink(sink),
			goatee.WithPositions(store), goatee.WithLanes(2))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()

		time.Sleep(time.Minute)
		require.NotEmpty(t, sink.state(), "the other lane goes on")
		require.Zero(t, store.at("s").ClusterTime.I, "the first change is not acknowledged")

		close(hold)
		time.Sleep(2 * time.Second)
		require.Equal(t, uint32(21), store.at("s").ClusterTime.I)
		stop()
		require.NoError(t, <-ended)
	})
}

func TestStopDrainsAndStoresPositions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink, store := newModel(), newMemory()
		sink.before = func(context.Context, []goatee.Action) error { time.Sleep(5 * time.Second); return nil }
		s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 7)}, endless: true}),
			goatee.WithSink(sink), goatee.WithPositions(store), goatee.WithCheckpointInterval(time.Hour))
		require.NoError(t, runForASecond(t, s))
		require.Equal(t, map[string]int32{`{"$numberInt":"1"}`: 7}, sink.state())
		require.Equal(t, uint32(1), store.at("s").ClusterTime.I)
	})
}

// runForASecond runs s, asks it to stop after a second of the bubble's time and returns what Run returns.
func runForASecond(t *testing.T, s *goatee.Syncer) error {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	time.Sleep(time.Second)
	stop()
	return <-ended
}

func TestDrainTimesOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink, store := newModel(), newMemory()
		sink.before = func(ctx context.Context, _ []goatee.Action) error { <-ctx.Done(); return context.Cause(ctx) }
		s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 7)}, endless: true}),
			goatee.WithSink(sink), goatee.WithPositions(store), goatee.WithDrainTimeout(time.Minute))
		require.ErrorIs(t, runForASecond(t, s), goatee.ErrDrainTimeout)
		require.True(t, store.at("s").IsZero(), "nothing was acknowledged")
	})
}

// What a transformer could not finish is read again; it has done nothing to be a dead letter for.
func TestDrainTimeOutMakesNoDeadLetters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := newMemory()
		waits := goatee.TransformFunc(func(ctx context.Context, _ *goatee.Change, _ []goatee.Action) ([]goatee.Action, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 7)}, endless: true}),
			goatee.WithSink(newModel()), goatee.WithTransformer(waits), goatee.WithPositions(store))
		require.ErrorIs(t, runForASecond(t, s), goatee.ErrDrainTimeout)
		require.Zero(t, s.Stats().DeadLetters)
		require.True(t, store.at("s").IsZero())
	})
}

// While a direct read holds an old copy of a document, a delete of it is applied and its version forgotten.
func TestStaleReadDoesNotResurrect(t *testing.T) {
	bounded(t)
	sink := newModel()
	deleted := make(chan struct{})
	sink.before = func(_ context.Context, actions []goatee.Action) error {
		sink.forget()
		return nil
	}
	del := &stream{name: "s", changes: []goatee.Change{change(goatee.OpDelete, 20, 1, 0)}}
	read := &gatedReader{reader: reader{stream: stream{name: "r", changes: []goatee.Change{change(goatee.OpRead, 10, 1, 5), change(goatee.OpRead, 10, 2, 6)}}}, gate: deleted}
	s := newSyncer(t, goatee.WithSource(del), goatee.WithSource(read), goatee.WithSink(sink),
		goatee.WithObserver(goatee.Observer{Written: func(w goatee.WriteInfo) {
			select {
			case <-deleted:
			default:
				close(deleted) // the first write is the delete: the read waits for it
			}
		}}))
	require.NoError(t, s.Run(t.Context()))
	require.Equal(t, map[string]int32{`{"$numberInt":"2"}`: 6}, sink.state())
}

// A direct read that began before a drop brings documents of the dropped collection after it.
func TestStaleReadDoesNotBringBackADroppedCollection(t *testing.T) {
	bounded(t)
	for op, ns := range map[goatee.Op]goatee.Namespace{goatee.OpDrop: orders, goatee.OpDropDatabase: {Database: "shop"}} {
		t.Run(op.String(), func(t *testing.T) {
			sink := newModel()
			dropped := make(chan struct{})
			drop := goatee.Change{Op: op, Namespace: ns, ClusterTime: primitive.Timestamp{T: 20}}
			read := &gatedReader{gate: dropped, reader: reader{stream: stream{name: "r", changes: []goatee.Change{
				change(goatee.OpRead, 10, 1, 5), change(goatee.OpRead, 30, 2, 6),
			}}}}
			sink.before = func(_ context.Context, actions []goatee.Action) error {
				if actions[0].Kind == goatee.ActionDrop {
					close(dropped)
				}
				return nil
			}
			s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: []goatee.Change{drop}}), goatee.WithSource(read),
				goatee.WithSink(sink))
			require.NoError(t, s.Run(t.Context()))
			require.Equal(t, map[string]int32{`{"$numberInt":"2"}`: 6}, sink.state())
		})
	}
}

type gatedReader struct {
	reader
	gate chan struct{}
}

func (g *gatedReader) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	<-g.gate
	return g.reader.Run(ctx, from, emit)
}

func TestDropIsABarrier(t *testing.T) {
	bounded(t)
	var changes []goatee.Change
	for i := range 100 {
		changes = append(changes, change(goatee.OpInsert, uint32(10+i), i, i))
	}
	drop := goatee.Change{Op: goatee.OpDrop, Namespace: orders, ClusterTime: primitive.Timestamp{T: 200}}
	changes = append(changes, drop, change(goatee.OpInsert, 300, 7, 1))
	sink := newModel()
	var inFlight atomic.Int32
	sink.before = func(_ context.Context, actions []goatee.Action) error {
		n := inFlight.Add(1)
		defer inFlight.Add(-1)
		if actions[0].Kind == goatee.ActionDrop && (n != 1 || len(actions) != 1) {
			return errors.New("the drop is not alone")
		}
		return nil
	}
	s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: changes, batch: 9}), goatee.WithSink(sink))
	require.NoError(t, s.Run(t.Context()))
	require.Equal(t, map[string]int32{`{"$numberInt":"7"}`: 1}, sink.state())
}

func TestRefusedActionsAreDeadLetteredOnce(t *testing.T) {
	bounded(t)
	sink, store := newModel(), newMemory()
	sink.refuse = func(a *goatee.Action) bool { return a.Change.ClusterTime.T == 12 }
	var changes []goatee.Change
	for i := range 10 {
		changes = append(changes, change(goatee.OpInsert, uint32(10+i), i, i))
	}
	var log bytes.Buffer
	s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: changes, batch: 4}), goatee.WithSink(sink),
		goatee.WithPositions(store), goatee.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrRefused, "a run that ends by itself says that something is missing")
	require.Len(t, sink.state(), 9)
	require.Equal(t, int64(1), s.Stats().DeadLetters)
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("dead letter")))
	require.Contains(t, log.String(), "mapper_parsing_exception")
	require.Equal(t, uint32(10), store.at("s").ClusterTime.I, "the position moves on")
}

func TestFailingDeadLetterHandlerEndsRun(t *testing.T) {
	bounded(t)
	sink, store := newModel(), newMemory()
	sink.refuse = func(*goatee.Action) bool { return true }
	full := errors.New("disk full")
	s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 1)}, endless: true}),
		goatee.WithSink(sink), goatee.WithPositions(store),
		goatee.WithDeadLetter(func(context.Context, goatee.DeadLetter) error { return full }))
	require.ErrorIs(t, s.Run(t.Context()), full)
	require.True(t, store.at("s").IsZero())
}

func TestTransformerErrorsAndPanicsHarmNothingElse(t *testing.T) {
	bounded(t)
	var dead []string
	boom := errors.New("boom")
	tr := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		switch c.ID.Int32() {
		case 1:
			return nil, boom
		case 2:
			panic("ouch")
		case 3:
			return nil, nil
		}
		m, err := actions[0].Body().Map()
		m["v"] = int32(99)
		return append(actions, actions[0]), err
	})
	var changes []goatee.Change
	for i := range 6 {
		changes = append(changes, change(goatee.OpInsert, uint32(10+i), i, i))
	}
	sink := newModel()
	s := newSyncer(t, goatee.WithSource(&stream{name: "s", changes: changes, batch: 6}), goatee.WithSink(sink),
		goatee.WithTransformer(tr), goatee.WithLanes(1),
		goatee.WithDeadLetter(func(_ context.Context, d goatee.DeadLetter) error { dead = append(dead, d.Err.Error()); return nil }))
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrRefused)
	require.Equal(t, map[string]int32{`{"$numberInt":"0"}`: 99, `{"$numberInt":"4"}`: 99, `{"$numberInt":"5"}`: 99}, sink.state())
	require.Len(t, dead, 2)
	require.Equal(t, "boom", dead[0])
	require.Contains(t, dead[1], "panic: ouch")
}

func TestSourceErrorEndsRun(t *testing.T) {
	bounded(t)
	bad := errors.New("not a replica set")
	s := newSyncer(t, goatee.WithSource(&stream{name: "s", err: bad}), goatee.WithSource(&stream{name: "other", endless: true}),
		goatee.WithSink(newModel()))
	err := s.Run(t.Context())
	require.ErrorIs(t, err, bad)
	require.ErrorContains(t, err, "source s")
}

func TestLostPosition(t *testing.T) {
	bounded(t)
	lost := func() *stream { return &stream{name: "s", err: goatee.ErrPositionLost} }
	s := newSyncer(t, goatee.WithSource(lost()), goatee.WithSink(newModel()))
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrPositionLost, "the default is to fail")

	src := lost()
	starts := 0
	counting := &startingStream{stream: src, start: func() { starts++ }}
	s = newSyncer(t, goatee.WithSource(counting), goatee.WithSink(newModel()), goatee.WithLostPosition(goatee.LostPositionFromNow))
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrPositionLost, "recoveries in a row are bounded")
	require.Equal(t, 4, starts, "once at the start and three recoveries")
}

type startingStream struct {
	*stream
	start func()
}

func (s *startingStream) Start(context.Context) (goatee.Position, error) {
	s.start()
	return goatee.Position{ClusterTime: primitive.Timestamp{T: 1}}, nil
}

func TestStartPositionIsStoredBeforeReading(t *testing.T) {
	bounded(t)
	store := newMemory()
	src := &startingStream{stream: &stream{name: "s"}, start: func() {}}
	check := &checkingSource{startingStream: src, run: func() { require.False(t, store.at("s").IsZero()) }}
	s := newSyncer(t, goatee.WithSource(check), goatee.WithSink(newModel()), goatee.WithPositions(store))
	require.NoError(t, s.Run(t.Context()))
}

type checkingSource struct {
	*startingStream
	run func()
}

func (c *checkingSource) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	c.run()
	return c.startingStream.Run(ctx, from, emit)
}

func TestUpdatesWithoutDocumentsAreFetched(t *testing.T) {
	bounded(t)
	src := &fetchingStream{stream: stream{name: "s", batch: 10}}
	for i := range 10 {
		c := change(goatee.OpUpdate, uint32(10+i), i%4, i)
		c.Document = goatee.Document{}
		src.changes = append(src.changes, c)
	}
	sink := newModel()
	s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(sink), goatee.WithLanes(1))
	require.NoError(t, s.Run(t.Context()))
	// Document 3 is gone by now: nothing is written for it.
	require.Equal(t, map[string]int32{`{"$numberInt":"0"}`: 100, `{"$numberInt":"1"}`: 100, `{"$numberInt":"2"}`: 100}, sink.state())
	require.Equal(t, int64(6), s.Stats().Coalesced, "one read and one action per document")
	require.Equal(t, int64(10), s.Stats().Applied)
}

// fetchingStream leaves all but two documents for the next call.
type fetchingStream struct{ stream }

func (f *fetchingStream) Fetch(_ context.Context, changes []*goatee.Change, _ func(*goatee.Change, error)) ([]*goatee.Change, error) {
	n := min(2, len(changes))
	for _, c := range changes[:n] {
		if id := int(c.ID.Int32()); id != 3 {
			c.Document = goatee.NewDocument(value(id, 100))
		}
	}
	return changes[n:], nil
}

func TestIdlePositionsAreStoredNowAndThen(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := newMemory()
		src := &idleStream{}
		s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(newModel()), goatee.WithPositions(store))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(100*time.Second + time.Millisecond)
		synctest.Wait()
		require.InDelta(t, 10, store.saves, 1, "a tenth as often as positions that moved by a change")
		require.Greater(t, store.at("idle").ClusterTime.T, uint32(80))
		stop()
		require.NoError(t, <-ended)
	})
}

type idleStream struct{}

func (*idleStream) Name() string { return "idle" }

func (*idleStream) Run(ctx context.Context, _ goatee.Position, emit goatee.EmitFunc) error {
	for i := uint32(1); ; i++ {
		b := &goatee.Batch{Position: goatee.Position{Token: bson.Raw("t"), ClusterTime: primitive.Timestamp{T: i}}}
		if err := emit(ctx, b); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func TestStopAfterDirectReads(t *testing.T) {
	bounded(t)
	read := &reader{stream: stream{name: "r", changes: []goatee.Change{change(goatee.OpRead, 10, 1, 5)}}}
	sink := newModel()
	s := newSyncer(t, goatee.WithSource(&stream{name: "s", endless: true}), goatee.WithSource(read), goatee.WithSink(sink),
		goatee.WithStopAfterDirectReads())
	require.NoError(t, s.Run(t.Context()))
	require.Len(t, sink.state(), 1)
	for _, st := range s.Stats().Sources {
		require.Equal(t, st.DirectRead, st.Done)
	}
}

func TestFencedCheckpointEndsRun(t *testing.T) {
	bounded(t)
	store := newMemory()
	src := &stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 1)}, endless: true}
	store.fail = goatee.ErrFenced
	s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(newModel()), goatee.WithPositions(store),
		goatee.WithCheckpointInterval(time.Millisecond))
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrFenced)
}

// The elector of a process that leads twice: the first leadership is lost while working.
func TestLostLeadershipStandsByAgain(t *testing.T) {
	bounded(t)
	e := &elector{}
	src := &stream{name: "s", endless: true}
	s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(newModel()), goatee.WithElector(e),
		goatee.WithPositions(newMemory()))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	e.second = stop
	require.NoError(t, s.Run(ctx))
	require.Equal(t, 2, e.campaigns)
	require.Equal(t, 2, e.resigned)
}

// Another process may write from then on: nothing is waited for, whatever the drain time-out.
func TestLostLeadershipCancelsWorkAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e := &elector{}
		sink := newModel()
		var cause error
		sink.before = func(ctx context.Context, _ []goatee.Action) error {
			if cause != nil {
				return nil
			}
			<-ctx.Done()
			cause = context.Cause(ctx)
			return cause
		}
		src := &stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 1)}, endless: true}
		s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(sink), goatee.WithElector(e), goatee.WithDrainTimeout(0),
			goatee.WithPositions(newMemory()))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		e.second = stop
		require.NoError(t, s.Run(ctx))
		require.ErrorIs(t, cause, goatee.ErrLeadershipLost)
		require.Len(t, sink.state(), 1, "the next leadership brings it again")
	})
}

type elector struct {
	fence               goatee.Fence
	campaigns, resigned int
	second              func()
}

func (e *elector) Campaign(ctx context.Context) (*goatee.Term, error) {
	e.campaigns++
	e.fence++
	reading, stop := context.WithCancelCause(ctx)
	writing, lose := context.WithCancelCause(context.WithoutCancel(ctx))
	if e.campaigns == 1 {
		time.AfterFunc(time.Millisecond, func() { stop(goatee.ErrLeadershipLost); lose(goatee.ErrLeadershipLost) })
	} else {
		time.AfterFunc(time.Millisecond, e.second)
	}
	return &goatee.Term{Fence: e.fence, Reading: reading, Writing: writing, Resign: func(context.Context) error {
		e.resigned++
		stop(nil)
		lose(nil)
		return nil
	}}, nil
}
