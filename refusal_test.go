package goatee_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// many is an error of several, as users' own types may be.
type many []error

func (many) Error() string     { return "many" }
func (m many) Unwrap() []error { return m }

func TestSplitBatchError(t *testing.T) {
	a, b := &goatee.ActionError{Ordinal: 1}, &goatee.ActionError{Ordinal: 2}
	batch := func(failed ...*goatee.ActionError) error { return &goatee.BatchError{Failed: failed} }
	unknown := errors.New("connection reset")
	for name, tt := range map[string]struct {
		err  error
		want []int // ordinals; nil when the error is unknown
	}{
		"none":                                {nil, []int{}},
		"a batch":                             {batch(a, b), []int{1, 2}},
		"a batch without failures":            {batch(), []int{}},
		"a batch that is nil":                 {(*goatee.BatchError)(nil), []int{}},
		"wrapped":                             {fmt.Errorf("bulk: %w", batch(a)), []int{1}},
		"wrapped twice":                       {fmt.Errorf("x: %w", fmt.Errorf("bulk: %w", batch(a))), []int{1}},
		"joined":                              {errors.Join(batch(a), batch(b)), []int{1, 2}},
		"wrapped and joined":                  {fmt.Errorf("x: %w", errors.Join(batch(a), fmt.Errorf("y: %w", batch(b)))), []int{1, 2}},
		"two in one format":                   {fmt.Errorf("%w, %w", batch(a), batch(b)), []int{1, 2}},
		"unknown":                             {unknown, nil},
		"joined with an unknown one":          {errors.Join(batch(a), unknown), nil},
		"an unknown one first":                {errors.Join(unknown, batch(a)), nil},
		"an unknown one deep inside":          {errors.Join(batch(a), fmt.Errorf("x: %w", errors.Join(batch(b), unknown))), nil},
		"an unknown one beside it":            {fmt.Errorf("%w, %w", batch(a), unknown), nil},
		"the end of a context":                {errors.Join(batch(a), context.Canceled), nil},
		"an action's error alone":             {a, nil},
		"several of none":                     {many{}, nil},
		"several, some nil":                   {many{nil, batch(a)}, []int{1}},
		"several, all nil":                    {many{nil}, nil},
		"an error that unwraps to nothing":    {&goatee.ConfigError{}, nil},
		"wrapped, an error that names nobody": {fmt.Errorf("x: %w", batch()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			failed, rest := goatee.SplitBatchError(tt.err)
			if tt.want == nil {
				require.Equal(t, tt.err, rest)
				require.Empty(t, failed)
				return
			}
			require.NoError(t, rest)
			got := []int{}
			for _, f := range failed {
				got = append(got, f.Ordinal)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// What a sink says that makes no sense ends the run, and nothing is acknowledged.
func TestASinkThatNamesWhatWasNotGiven(t *testing.T) {
	for name, failed := range map[string]*goatee.ActionError{
		"behind the last": {Ordinal: 1}, "before the first": {Ordinal: -1}, "nil": nil,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store := newElastic(), newFeed("s"), newMemory()
				es.before = func(context.Context, []goatee.Action) error {
					return &goatee.BatchError{Failed: []*goatee.ActionError{failed}}
				}
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store))
				src.push(change(goatee.OpInsert, 10, 1, 1))
				require.ErrorContains(t, <-r.ended, "the sink names action")
				require.True(t, store.at("s").IsZero())
			})
		})
	}
}

// An unknown error beside refusals: nothing may be acknowledged.
func TestAnUnknownErrorBesideRefusalsEndsTheRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src, store := newElastic(), newFeed("s"), newMemory()
		es.before = func(_ context.Context, actions []goatee.Action) error {
			return errors.Join(&goatee.BatchError{Failed: []*goatee.ActionError{goatee.NewActionError(0, &actions[0])}}, errKilled)
		}
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store))
		src.push(change(goatee.OpInsert, 10, 1, 1))
		require.ErrorIs(t, <-r.ended, errKilled)
		require.True(t, store.at("s").IsZero())
	})
}

// Whoever keeps a dead letter or an error finds in it later what it said: the batch's memory is used again.
func TestDeadLettersAndActionErrorsOwnTheirValues(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src, dead := newElastic(), newFeed("s"), &letters{}
		es.refuses = func(a *goatee.Action) bool { return a.Change.ID.Int32() == 1 }
		tr := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
			if c.ID.Int32() == 2 {
				return nil, errKilled
			}
			m, err := a[0].Body().Map()
			m["v"] = int32(99) // no part of the change
			a[0].Routing = "r"
			return a, err
		})
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithTransformer(tr), dead.option())
		memory := bson.Raw(append(append(append([]byte(nil), value(1, 1)...), value(2, 2)...), value(3, 3)...))
		size := len(value(1, 1))
		b := &goatee.Batch{Release: func() { clear(memory) }}
		for i := range 3 {
			raw := memory[i*size : (i+1)*size]
			c := change(goatee.OpInsert, 10, i, i)
			c.ID, c.Document = raw.Lookup("_id"), goatee.NewDocument(raw)
			if i < 2 {
				b.Changes = append(b.Changes, c)
			} else {
				b.Failed = append(b.Failed, goatee.FailedChange{Change: c, Err: errKilled})
			}
		}
		src.pushBatch(b)
		synctest.Wait()
		require.True(t, bytes.Equal(memory, make([]byte, len(memory))), "the batch is released")
		got := map[goatee.Stage]goatee.DeadLetter{}
		for _, d := range dead.list() {
			got[d.Stage] = d
			id := int(d.DocumentID.Int32())
			require.Equal(t, value(id, id), d.Document, "as MongoDB had it")
			require.Equal(t, "s", d.Source)
			require.Equal(t, orders, d.Namespace)
			require.Equal(t, goatee.OpInsert, d.Op)
		}
		require.Len(t, got, 3)
		refused := got[goatee.StageWrite]
		require.Equal(t, goatee.Target{Index: "shop.orders", ID: "1", Routing: "r"}, refused.Target)
		require.Equal(t, int64(10)<<32, refused.Version)
		var e *goatee.ActionError
		require.ErrorAs(t, refused.Err, &e)
		require.Equal(t, int32(1), e.DocumentID.Int32())
		require.Contains(t, e.Error(), "index shop.orders/1: status 400: refused_exception")
		require.NoError(t, r.end())
	})
}

// The log has a line for each dead letter, with a few hundred bytes of each text.
func TestLogDeadLetter(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	var log bytes.Buffer
	handle := goatee.LogDeadLetter(slog.New(slog.NewTextHandler(&log, nil)))
	typ, id, err := bson.MarshalValue(long)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		letter goatee.DeadLetter
		want   string
	}{
		"long":    {goatee.DeadLetter{Stage: goatee.StageWrite, DocumentID: bson.RawValue{Type: typ, Value: id}, Target: goatee.Target{ID: long}, Reason: long}, "100000 bytes"},
		"nothing": {goatee.DeadLetter{}, "unknown"},
		"a cause": {goatee.DeadLetter{Stage: goatee.StageWrite, Err: &goatee.ActionError{Err: errKilled}}, "killed"},
		"a drop":  {goatee.DeadLetter{Stage: goatee.StageWrite, Kind: goatee.ActionDrop, Target: goatee.Target{Index: "shop.orders"}}, "kind=drop index=shop.orders"},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			require.NoError(t, handle(t.Context(), tt.letter))
			require.Contains(t, log.String(), tt.want)
			require.Equal(t, 1, strings.Count(log.String(), "\n"))
			require.Less(t, log.Len(), 2000)
		})
	}
}

// Whatever code of the user or of a package panics: Run returns an error at worst, and the host goes on.
func TestPanicsEndTheRunAtWorst(t *testing.T) {
	src := func() goatee.Source {
		return &stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 1, 1), change(goatee.OpInsert, 11, 2, 2)}}
	}
	boom := func() { panic("boom") }
	for name, tt := range map[string]struct {
		opts []goatee.Option
		want error // nil: the run goes on
		docs int
	}{
		"an observer": {[]goatee.Option{goatee.WithSource(src()), goatee.WithObserver(goatee.Observer{
			SourceStarted: func(goatee.SourceInfo) { boom() }, SourceStopped: func(goatee.SourceInfo) { boom() },
			Written: func(goatee.WriteInfo) { boom() }, Checkpoint: func(goatee.CheckpointInfo) { boom() },
		})}, nil, 2},
		"a dead-letter handler": {[]goatee.Option{
			goatee.WithSource(&stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 13, 1)}}),
			goatee.WithDeadLetter(func(context.Context, goatee.DeadLetter) error { panic("boom") }),
		}, goatee.ErrPanic, 0},
		"a sink":                    {[]goatee.Option{goatee.WithSource(&stream{name: "s", changes: []goatee.Change{change(goatee.OpInsert, 10, 14, 1)}})}, goatee.ErrPanic, 0},
		"a source":                  {[]goatee.Option{goatee.WithSource(panicking{src()})}, goatee.ErrPanic, 0},
		"a fetcher":                 {[]goatee.Option{goatee.WithSource(panickingFetcher{&stream{name: "s", changes: []goatee.Change{update(10, 1)}}})}, goatee.ErrPanic, 0},
		"a start":                   {[]goatee.Option{goatee.WithSource(panickingStart{src()})}, goatee.ErrPanic, 0},
		"a check":                   {[]goatee.Option{goatee.WithSource(panickingCheck{src()})}, goatee.ErrPanic, 0},
		"a position store, loading": {[]goatee.Option{goatee.WithSource(src()), goatee.WithPositions(panickingStore{newMemory(), true})}, goatee.ErrPanic, 0},
		"a position store, saving":  {[]goatee.Option{goatee.WithSource(src()), goatee.WithPositions(panickingStore{newMemory(), false})}, goatee.ErrPanic, 2},
		"a release": {[]goatee.Option{goatee.WithSource(&batches{name: "s", batches: []*goatee.Batch{
			{Changes: []goatee.Change{change(goatee.OpRead, 10, 1, 1)}, Release: boom},
		}})}, nil, 1},
		"a transformer": {[]goatee.Option{goatee.WithSource(src()), goatee.WithTransformer(goatee.TransformFunc(
			func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
				if c.ID.Int32() == 1 {
					boom()
				}
				return a, nil
			}))}, goatee.ErrRefused, 1},
		"a batch transformer": {[]goatee.Option{goatee.WithSource(src()), goatee.WithTransformer(batchFunc(func(items []goatee.Item) error {
			for i := range items {
				if items[i].Change.ID.Int32() == 1 {
					boom()
				}
			}
			return nil
		}))}, goatee.ErrRefused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es := newElastic()
				es.refuses = func(a *goatee.Action) bool { return a.Change.ID.Int32() == 13 }
				es.before = func(_ context.Context, actions []goatee.Action) error {
					if actions[0].Change.ID.Int32() == 14 {
						boom()
					}
					return nil
				}
				err := newSyncer(t, append(tt.opts, goatee.WithSink(es))...).Run(t.Context())
				if tt.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, tt.want)
				}
				require.Len(t, es.state(), tt.docs)
			})
		})
	}
}

// batchFunc is a transformer that takes batches.
type batchFunc func(items []goatee.Item) error

func (f batchFunc) TransformBatch(_ context.Context, items []goatee.Item) error { return f(items) }

func (f batchFunc) Transform(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	items := []goatee.Item{{Change: c, Actions: actions}}
	err := f(items)
	return items[0].Actions, errors.Join(err, items[0].Err)
}

type panickingFetcher struct{ goatee.Source }

func (panickingFetcher) Fetch(context.Context, []*goatee.Change, func(*goatee.Change, error)) ([]*goatee.Change, error) {
	panic("fetch")
}

type panickingStart struct{ goatee.Source }

func (panickingStart) Start(context.Context) (goatee.Position, error) { panic("start") }

type panickingCheck struct{ goatee.Source }

func (panickingCheck) Check(context.Context) error { panic("check") }

type panickingStore struct {
	*memory
	loading bool
}

func (p panickingStore) Load(ctx context.Context, s goatee.SourceID) (goatee.Position, error) {
	if p.loading {
		panic("load")
	}
	return p.memory.Load(ctx, s)
}

func (panickingStore) Save(context.Context, goatee.Fence, []goatee.SourcePosition) error {
	panic("save")
}

// When a batch transformer fails as a whole, one item is to blame, and it alone.
func TestABatchTransformerThatFailsForOneItem(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errKilled },
		"a panic":  func() error { panic("boom") },
	} {
		for _, bad := range []int32{0, 7, 19} {
			t.Run(fmt.Sprintf("%s for item %d", name, bad), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					es, src, dead := newElastic(), newFeed("s"), &letters{}
					calls := 0
					tr := batchFunc(func(items []goatee.Item) error {
						calls++
						for i := range items {
							items[i].Actions[0].Index = "moved" + items[i].Actions[0].Index // is done once for each in the end
						}
						for i := range items {
							if items[i].Change.ID.Int32() == bad {
								return fail()
							}
						}
						return nil
					})
					r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithTransformer(tr), dead.option(), goatee.WithLanes(1))
					var changes []goatee.Change
					for i := range 20 {
						changes = append(changes, change(goatee.OpInsert, 10, i, i))
					}
					src.push(changes...)
					rest(time.Second)
					require.Len(t, dead.list(), 1)
					require.Equal(t, bad, dead.list()[0].DocumentID.Int32())
					require.Equal(t, goatee.StageTransform, dead.list()[0].Stage)
					require.Len(t, es.state(), 19)
					for key := range es.state() {
						require.True(t, strings.HasPrefix(key, "moved/"), key)
					}
					require.LessOrEqual(t, calls, 11, "it is found by halving")
					require.NoError(t, r.end())
				})
			})
		}
	}
}

// A batch whose failure is temporary is tried again as a whole; nothing is a dead letter.
func TestABatchTransformerMayAskToBeCalledAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src, dead := newElastic(), newFeed("s"), &letters{}
		calls := 0
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), dead.option(), goatee.WithLanes(1),
			goatee.WithTransformer(batchFunc(func([]goatee.Item) error {
				if calls++; calls < 5 {
					return goatee.Retry(errKilled)
				}
				return nil
			})))
		src.push(change(goatee.OpInsert, 10, 1, 1), change(goatee.OpInsert, 10, 2, 2))
		rest(time.Minute)
		require.Equal(t, 5, calls)
		require.Empty(t, dead.list())
		require.Len(t, es.state(), 2)
		require.NoError(t, r.end())
	})
}
