package goatee_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// wrapped are the ways to wrap.
type (
	unwrapping struct{ inner goatee.Sink }
	hiding     struct{ goatee.Sink }
)

func (u unwrapping) Write(ctx context.Context, a []goatee.Action) error { return u.inner.Write(ctx, a) }
func (u unwrapping) Unwrap() goatee.Sink                                { return u.inner }

// EveryChange is one capability that the wrapper has an answer of its own for.
func (hiding) EveryChange() bool { return false }

// historian is a sink that wants every change.
type historian struct{ *elastic }

func (historian) EveryChange() bool                 { return true }
func (historian) OwnNamespaces() []goatee.Namespace { return []goatee.Namespace{orders} }

func TestAsFollowsWrappers(t *testing.T) {
	inner := historian{newElastic()}
	deep := unwrapping{&struct{ goatee.Sink }{struct{ goatee.Sink }{unwrapping{inner}}}}
	for name, tt := range map[string]struct {
		sink any
		want bool // EveryChange, when there is one
		none bool
	}{
		"itself":                          {sink: inner, want: true},
		"by Unwrap":                       {sink: unwrapping{inner}, want: true},
		"embedded":                        {sink: struct{ goatee.Sink }{inner}, want: true},
		"embedded in what is pointed to":  {sink: &struct{ goatee.Sink }{inner}, want: true},
		"deep inside":                     {sink: deep, want: true},
		"a wrapper's own answer":          {sink: hiding{inner}, want: false},
		"nobody can":                      {sink: unwrapping{newElastic()}, none: true},
		"a wrapper of nothing":            {sink: unwrapping{}, none: true},
		"an embedded nothing":             {sink: struct{ goatee.Sink }{}, none: true},
		"a nil pointer":                   {sink: (*struct{ goatee.Sink })(nil), none: true},
		"nil":                             {sink: nil, none: true},
		"something else that is embedded": {sink: struct{ *slog.Logger }{}, none: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := goatee.As[goatee.EveryChange](tt.sink)
			require.Equal(t, !tt.none, ok)
			if ok {
				require.Equal(t, tt.want, got.EveryChange())
			}
		})
	}
	source := struct{ goatee.Source }{&feedReader{newFeed("r")}}
	_, ok := goatee.As[goatee.DirectReader](source)
	require.True(t, ok, "sources")
	_, ok = goatee.As[goatee.BatchTransformer](struct{ goatee.Transformer }{batchFunc(nil)})
	require.True(t, ok, "transformers")
	_, ok = goatee.As[goatee.StateOwner](struct{ goatee.PositionStore }{&owning{}})
	require.True(t, ok, "stores")
	_, ok = goatee.As[*terms](struct{ goatee.Elector }{&terms{}})
	require.True(t, ok, "electors")
}

// What a source is, is asked through wrappers too; its name is the wrapper's.
func TestIdentify(t *testing.T) {
	id := goatee.SourceID{Name: "inner", Kind: goatee.KindOplog, Namespace: orders}
	require.Equal(t, goatee.SourceID{Name: "plain"}, goatee.Identify(newFeed("plain")))
	require.Equal(t, id, goatee.Identify(identified{newFeed("inner"), id}))
	id.Name = "renamed"
	require.Equal(t, id, goatee.Identify(renamed{identified{newFeed("inner"), id}}))
}

type identified struct {
	*feed
	id goatee.SourceID
}

func (i identified) SourceID() goatee.SourceID { return i.id }

type renamed struct{ goatee.Source }

func (renamed) Name() string { return "renamed" }

// A wrapper that knows nothing of direct reads does not bring a deleted document back; nor does a read that is added.
func TestAWrappedDirectReadIsOne(t *testing.T) {
	for name, added := range map[string]bool{"from the start": false, "added": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, read := newElastic(), newFeed("s"), &feedReader{newFeed("r")}
				wrapped := struct{ goatee.Source }{read}
				opts := []goatee.Option{goatee.WithSource(src), goatee.WithSink(es)}
				if !added {
					opts = append(opts, goatee.WithSource(wrapped))
				}
				r := start(t, opts...)
				if added {
					require.NoError(t, r.Add(t.Context(), wrapped))
				}
				src.push(change(goatee.OpDelete, 20, 1, 0))
				synctest.Wait()
				es.forget()
				read.push(change(goatee.OpRead, 10, 1, 1), change(goatee.OpRead, 10, 2, 2))
				synctest.Wait()
				require.Equal(t, map[string]int32{"shop.orders/2": 2}, es.state())
				require.True(t, r.Stats().Sources[1].DirectRead)
				require.NoError(t, r.end())
			})
		})
	}
}

// Logger and observer reach whatever is wrapped.
func TestInstrumentReachesWhatIsWrapped(t *testing.T) {
	inner := &instrumented{feed: newFeed("s")}
	logger := slog.New(slog.DiscardHandler)
	var states int
	_, err := goatee.New(goatee.WithSource(struct{ goatee.Source }{inner}), goatee.WithSink(newElastic()), goatee.WithLogger(logger),
		goatee.WithObserver(goatee.Observer{State: func(goatee.StateInfo) { states++ }}))
	require.NoError(t, err)
	require.Same(t, logger, inner.logger)
	inner.observer.State(goatee.StateInfo{})
	require.Equal(t, 1, states)
}

type instrumented struct {
	*feed
	logger   *slog.Logger
	observer goatee.Observer
}

func (i *instrumented) Instrument(l *slog.Logger, o goatee.Observer) { i.logger, i.observer = l, o }

// A sink that keeps a history gets each change, though the transformer is content with the last.
func TestASinkMayWantEveryChange(t *testing.T) {
	for name, tt := range map[string]struct {
		wrap func(*elastic) goatee.Sink
		want int
	}{
		"one that does not": {func(es *elastic) goatee.Sink { return es }, 1},
		"one that does":     {func(es *elastic) goatee.Sink { return historianOf(es) }, 20},
		"wrapped":           {func(es *elastic) goatee.Sink { return unwrapping{historianOf(es)} }, 20},
		"hidden":            {func(es *elastic) goatee.Sink { return hiding{historianOf(es)} }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src := newElastic(), newFeed("s")
				r := start(t, goatee.WithSource(src), goatee.WithSink(tt.wrap(es)))
				var changes []goatee.Change
				for i := range 20 {
					changes = append(changes, change(goatee.OpUpdate, uint32(10+i), 1, i))
				}
				src.push(changes...)
				synctest.Wait()
				require.Len(t, es.sent("shop.orders"), tt.want)
				require.Equal(t, int64(20-tt.want), r.Stats().Coalesced)
				require.Equal(t, map[string]int32{"shop.orders/1": 19}, es.state())
				require.NoError(t, r.end())
			})
		})
	}
}

// everyChange is historian without collections of its own.
type everyChange struct{ *elastic }

func (everyChange) EveryChange() bool { return true }

func historianOf(es *elastic) goatee.Sink { return everyChange{es} }

// Prepare gives what a pipeline would write, one item for each change.
func TestPrepare(t *testing.T) {
	gone := update(13, 4)
	changes := []goatee.Change{
		change(goatee.OpInsert, 10, 1, 1), change(goatee.OpDelete, 11, 2, 0), change(goatee.OpUpdate, 12, 3, 3), gone, dropOf("shop.orders", 14),
	}
	var given []*goatee.Change
	for i := range changes {
		given = append(given, &changes[i])
	}
	type want struct {
		kinds []goatee.ActionKind
		err   error
	}
	plain := []want{{kinds: []goatee.ActionKind{goatee.ActionIndex}}, {kinds: []goatee.ActionKind{goatee.ActionDelete}},
		{kinds: []goatee.ActionKind{goatee.ActionIndex}}, {}, {kinds: []goatee.ActionKind{goatee.ActionDrop}}}
	bad := append([]want(nil), plain...)
	bad[2] = want{err: errKilled}
	panics := append([]want(nil), plain...)
	panics[2] = want{err: goatee.ErrPanic}
	fail := func(how func() error) func(items []goatee.Item) error {
		return func(items []goatee.Item) error {
			for i := range items {
				if items[i].Change.ID.Type != 0 && items[i].Change.ID.Int32() == 3 {
					return how()
				}
			}
			return nil
		}
	}
	one := func(how func() error) goatee.Transformer {
		return goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
			return a, fail(how)([]goatee.Item{{Change: c}})
		})
	}
	failing, boom := func() error { return errKilled }, func() error { panic("boom") }
	for name, tt := range map[string]struct {
		transformer goatee.Transformer
		want        []want
	}{
		"no transformer":          {nil, plain},
		"one that fails for one":  {one(failing), bad},
		"one that panics for one": {one(boom), panics},
		"a batch that fails":      {batchFunc(fail(failing)), bad},
		"a batch that panics":     {batchFunc(fail(boom)), panics},
	} {
		t.Run(name, func(t *testing.T) {
			items, err := goatee.Prepare(t.Context(), tt.transformer, given)
			require.NoError(t, err)
			require.Len(t, items, len(given))
			for i, it := range items {
				require.Same(t, given[i], it.Change)
				if tt.want[i].err != nil {
					require.ErrorIs(t, it.Err, tt.want[i].err)
					continue
				}
				require.NoError(t, it.Err)
				var kinds []goatee.ActionKind
				for j := range it.Actions {
					kinds = append(kinds, it.Actions[j].Kind)
				}
				require.Equal(t, tt.want[i].kinds, kinds)
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errKilled)
	_, err := goatee.Prepare(ctx, one(failing), given)
	require.ErrorIs(t, err, errKilled)
}

// What a transformer does to an action's body is not done to the change.
func TestChangesAreReadOnly(t *testing.T) {
	c := change(goatee.OpInsert, 10, 1, 1)
	edit := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
		m, err := a[0].Body().Map()
		m["v"] = int32(2)
		own, _ := c.Document.Map()
		own["v"] = int32(3)
		return a, err
	})
	items, err := goatee.Prepare(t.Context(), edit, []*goatee.Change{&c})
	require.NoError(t, err)
	require.Equal(t, int32(2), items[0].Actions[0].Body().Lookup("v").Int32())
	require.Equal(t, int32(1), c.Document.Lookup("v").Int32())
}

// As many deletes beside a direct read as its budget does not hold: the read begins again and finds what there is then.
func TestADirectReadBeginsAgainWhenTooMuchIsDeleted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		read := &restarting{name: "r", begun: make(chan int, 10), emits: make(chan *goatee.Batch)}
		var log []string
		r := start(t, goatee.WithSource(src), goatee.WithSource(read), goatee.WithSink(es), goatee.WithInFlightBytes(10_000),
			goatee.WithLogger(slog.New(levels{slog.DiscardHandler, &log})))
		require.Equal(t, 1, <-read.begun)
		for i := range 100 { // half of the budget holds 104
			src.push(change(goatee.OpDelete, uint32(100+i), i, 0))
		}
		rest(time.Second)
		require.Empty(t, read.begun)
		require.Equal(t, int64(100*48), r.Stats().InFlightBytes)
		for i := range 10 {
			src.push(change(goatee.OpDelete, uint32(300+i), 100+i, 0))
			synctest.Wait()
		}
		rest(time.Second)
		require.Equal(t, 2, <-read.begun)
		require.Less(t, r.Stats().InFlightBytes, int64(10*48), "what was remembered for its first run is forgotten")
		require.Contains(t, log, "direct read begins again: there were too many deletes in its namespace to remember while it ran")
		read.emits <- &goatee.Batch{Changes: []goatee.Change{change(goatee.OpRead, 400, 1, 1)}, Position: goatee.Position{ClusterTime: primitive.Timestamp{T: 400}}}
		close(read.emits)
		rest(time.Second)
		require.Equal(t, map[string]int32{"shop.orders/1": 1}, es.state())
		require.True(t, r.Stats().Sources[1].Done)
		require.Zero(t, r.Stats().InFlightBytes)
		require.NoError(t, r.end())
	})
}

// restarting is a direct read that tells how often it was begun.
type restarting struct {
	name  string
	of    string // default shop.orders
	runs  int
	begun chan int
	emits chan *goatee.Batch
}

func (r *restarting) Name() string   { return r.name }
func (r *restarting) Stateful() bool { return false }
func (r *restarting) Begun() bool    { return true }

func (r *restarting) Namespace() goatee.Namespace {
	if r.of != "" {
		return in(r.of, goatee.Change{}).Namespace
	}
	return orders
}

func (r *restarting) Run(ctx context.Context, _ goatee.Position, emit goatee.EmitFunc) error {
	r.runs++
	r.begun <- r.runs
	for {
		select {
		case b, ok := <-r.emits:
			if !ok {
				return nil
			}
			if err := emit(ctx, b); err != nil {
				return err
			}
		case <-ctx.Done():
			return errors.New("ended")
		}
	}
}

// levels is a log handler that keeps messages of warnings and errors.
type levels struct {
	slog.Handler
	messages *[]string
}

func (l levels) Enabled(context.Context, slog.Level) bool { return true }

func (l levels) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		*l.messages = append(*l.messages, r.Message)
	}
	return nil
}

// What the former run of a direct read brought and is still to be written is older than deletes that only its next run
// makes it safe to forget.
func TestADirectReadBeginsAgainWhenWhatItBroughtIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		read := &restarting{name: "r", begun: make(chan int, 10), emits: make(chan *goatee.Batch)}
		es.block("blocked")
		r := start(t, goatee.WithSource(src), goatee.WithSource(read), goatee.WithSink(es), goatee.WithInFlightBytes(10_000),
			goatee.WithTransformer(routed(func(c *goatee.Change) []string {
				if c.ID.Int32() == 999 {
					return []string{"blocked"}
				}
				return nil
			})))
		require.Equal(t, 1, <-read.begun)
		read.emits <- &goatee.Batch{Changes: []goatee.Change{change(goatee.OpRead, 10, 999, 1)}, Position: goatee.Position{ClusterTime: primitive.Timestamp{T: 10}}}
		for i := range 110 {
			src.push(change(goatee.OpDelete, uint32(100+i), i, 0))
			synctest.Wait()
		}
		rest(time.Minute)
		require.Equal(t, int64(1), r.Stats().Waiting)
		require.Empty(t, read.begun, "it waits")
		es.unblock("blocked")
		rest(time.Minute)
		require.Equal(t, 2, <-read.begun)
		require.NoError(t, r.end())
	})
}
