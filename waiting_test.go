package goatee_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

// routed is a transformer that sends each document to the indices that its field "to" names, or that a test's function
// returns.
func routed(to func(c *goatee.Change) []string) goatee.Transformer {
	return goatee.TransformFunc(func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		indices := to(c)
		if c.Op.IsBarrier() || len(indices) == 0 {
			return actions, nil
		}
		out := make([]goatee.Action, len(indices))
		for i, index := range indices {
			out[i] = actions[0]
			out[i].Index = index
		}
		return out, nil
	})
}

// letters collects dead letters.
type letters struct {
	mu  sync.Mutex
	all []goatee.DeadLetter
}

func (l *letters) option() goatee.Option {
	return goatee.WithDeadLetter(func(_ context.Context, d goatee.DeadLetter) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, d)
		return nil
	})
}

func (l *letters) list() []goatee.DeadLetter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func TestABlockedIndexHoldsUpNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src, store := newElastic(), newFeed("s"), newMemory()
		es.block("shop.orders")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store), goatee.WithLanes(2))
		defer r.stop()
		src.push(change(goatee.OpInsert, 10, 1, 1), in("shop.logs", change(goatee.OpInsert, 10, 1, 1)))
		src.push(change(goatee.OpInsert, 11, 2, 1), in("shop.logs", change(goatee.OpInsert, 11, 2, 2)))
		synctest.Wait()
		src.push(change(goatee.OpUpdate, 12, 1, 3), in("shop.logs", change(goatee.OpUpdate, 12, 1, 3)))
		synctest.Wait()
		require.Equal(t, map[string]int32{"shop.logs/1": 3, "shop.logs/2": 2}, es.state())
		rest(time.Hour)
		st := r.Stats()
		require.Equal(t, int64(3), st.Waiting)
		require.Len(t, st.Blocked, 1)
		require.Equal(t, "shop.orders", st.Blocked[0].Index)
		require.Contains(t, st.Blocked[0].Reason, "blocked_exception")
		require.Zero(t, store.at("s").ClusterTime.I, "the first batch is not durable")

		es.unblock("shop.orders")
		rest(12 * time.Second)
		require.Equal(t, map[string]int32{"shop.logs/1": 3, "shop.logs/2": 2, "shop.orders/1": 3, "shop.orders/2": 1}, es.state())
		require.Equal(t, uint32(3), store.at("s").ClusterTime.I)
		st = r.Stats()
		require.Zero(t, st.Waiting)
		require.Empty(t, st.Blocked)
		require.Zero(t, st.InFlightBytes)
		require.NoError(t, r.end())
	})
}

// One action tells whether a blocked index takes writes again, however many wait and however long it takes to answer.
func TestOneProbeForEachBlockedIndex(t *testing.T) {
	for name, took := range map[string]time.Duration{"answers at once": 0, "answers after a time-out": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src := newElastic(), newFeed("s")
				es.block("shop.orders", "shop.logs")
				var slow atomic.Bool
				es.before = func(_ context.Context, _ []goatee.Action) error {
					if slow.Load() {
						time.Sleep(took)
					}
					return nil
				}
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithLanes(1))
				for i := range 50 {
					src.push(change(goatee.OpInsert, 10, i, 1), in("shop.logs", change(goatee.OpInsert, 10, i, 1)))
				}
				synctest.Wait()
				began := time.Now()
				slow.Store(true)
				es.mu.Lock()
				es.log = nil
				es.mu.Unlock()
				for i := range 50 { // these are not even sent
					src.push(change(goatee.OpInsert, 10, 100+i, 1), in("shop.logs", change(goatee.OpInsert, 10, 100+i, 1)))
				}
				rest(10 * time.Minute)
				for _, index := range []string{"shop.orders", "shop.logs"} {
					probes := es.sent(index)
					var after []time.Duration
					for _, w := range probes {
						after = append(after, w.at.Sub(began))
					}
					for i := 1; i < len(after); i++ {
						pause := time.Second << min(i, 4)
						pause = min(pause, 10*time.Second)
						require.GreaterOrEqual(t, after[i]-after[i-1], pause, "of %s: %v", index, after)
						require.LessOrEqual(t, after[i]-after[i-1], pause+2*took, "of %s: %v", index, after)
					}
					require.Greater(t, len(after), 5)
				}
				es.unblock("shop.orders", "shop.logs")
				rest(5 * time.Minute)
				require.Len(t, es.state(), 200)
				require.NoError(t, r.end())
			})
		})
	}
}

// What comes behind a held change of the same document waits too, wherever it goes.
func TestOrderBehindAHeldChange(t *testing.T) {
	byValue := routed(func(c *goatee.Change) []string {
		if v, ok := c.Document.Lookup("v").Int32OK(); ok && v < 0 {
			return []string{"blocked"}
		}
		return []string{"open"}
	})
	for name, push := range map[string]func(src *feed, a, b goatee.Change){
		"in one batch":       func(src *feed, a, b goatee.Change) { src.push(a, b) },
		"written one by one": func(src *feed, a, b goatee.Change) { src.push(a, b) },
		"in a later one":     func(src *feed, a, b goatee.Change) { src.push(a); synctest.Wait(); src.push(b) },
		"while it waits":     func(src *feed, a, b goatee.Change) { src.push(a); rest(5 * time.Second); src.push(b) },
		"behind a probe":     func(src *feed, a, b goatee.Change) { src.push(a); rest(time.Second); src.push(b) },
		"in between many": func(src *feed, a, b goatee.Change) {
			src.push(a)
			src.push(change(goatee.OpInsert, 5, 9, 9))
			src.push(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src := newElastic(), newFeed("s")
				es.block("blocked")
				opts := []goatee.Option{goatee.WithSource(src), goatee.WithSink(es), goatee.WithTransformer(byValue)}
				if name == "written one by one" {
					opts = append(opts, goatee.WithBatch(1, 1<<20))
				}
				r := start(t, opts...)
				push(src, change(goatee.OpInsert, 10, 1, -1), change(goatee.OpUpdate, 11, 1, 1))
				rest(20 * time.Second)
				require.Equal(t, int64(2), r.Stats().Waiting)
				es.unblock("blocked")
				rest(12 * time.Second)
				require.Zero(t, r.Stats().Waiting)
				es.mu.Lock()
				last := es.log[len(es.log)-1]
				es.mu.Unlock()
				require.Equal(t, "open", last.Index, "the newest change has the last word")
				require.Equal(t, uint32(11), last.time)
				require.NoError(t, r.end())
			})
		})
	}
}

// A drop comes behind what waits in its namespace, and before what comes after it; a blocked one holds nothing else up.
func TestDropsAndWhatWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		blocked string
		drop    string
		want    map[string]int32 // while it is blocked
	}{
		"a blocked drop":                        {"shop.orders", "shop.orders", map[string]int32{"shop.orders/0": 0, "shop.logs/5": 5, "other.x/5": 5}},
		"a drop of another collection":          {"shop.orders", "shop.logs", map[string]int32{"shop.orders/0": 0, "shop.logs/5": 5, "other.x/5": 5}},
		"a blocked drop of a database":          {"shop.orders", "shop", map[string]int32{"shop.orders/0": 0, "shop.logs/1": 1, "other.x/5": 5}},
		"a drop of a database with one blocked": {"shop.logs", "shop", map[string]int32{"shop.orders/0": 0, "shop.orders/1": 1, "other.x/5": 5}},
	} {
		for _, waiting := range []bool{true, false} {
			t.Run(name+map[bool]string{true: " behind what waits", false: ""}[waiting], func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					es, src, store := newElastic(), newFeed("s"), newMemory()
					r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store))
					src.push(change(goatee.OpInsert, 10, 0, 0))
					synctest.Wait()
					es.block(tt.blocked)
					if waiting {
						src.push(change(goatee.OpInsert, 11, 1, 1), in("shop.logs", change(goatee.OpInsert, 11, 1, 1)))
						synctest.Wait()
					}
					src.push(dropOf(tt.drop, 20))
					synctest.Wait()
					src.push(change(goatee.OpInsert, 30, 5, 5), in("shop.logs", change(goatee.OpInsert, 30, 5, 5)),
						in("other.x", change(goatee.OpInsert, 30, 5, 5)))
					rest(time.Minute)
					if blocked := r.Stats().Blocked; len(blocked) > 0 {
						require.Equal(t, tt.blocked, blocked[0].Index, "the one that is, not the one that was to be dropped")
					}
					got := es.state()
					require.Contains(t, got, "other.x/5", "another database goes on")
					if tt.drop == "shop.orders" || tt.blocked == tt.drop {
						require.Contains(t, got, "shop.logs/5", "another collection goes on")
					}
					require.LessOrEqual(t, store.at("s").ClusterTime.I, uint32(2), "the position stays before what waits")
					attempts := len(es.sent(tt.blocked))
					require.Less(t, attempts, 20, "no more than one probe in a while")
					es.unblock(tt.blocked)
					rest(25 * time.Second)
					require.Zero(t, r.Stats().Waiting, "%+v", r.Stats().Blocked)
					want := map[string]int32{"other.x/5": 5, "shop.orders/5": 5, "shop.logs/5": 5}
					if tt.drop == "shop.logs" {
						want["shop.orders/0"] = 0
						if waiting {
							want["shop.orders/1"] = 1
						}
					}
					if tt.drop == "shop.orders" && waiting {
						want["shop.logs/1"] = 1
					}
					require.Equal(t, want, es.state())
					require.NoError(t, r.end())
				})
			})
		}
	}
}

// A direct read that began before a drop brings documents of the dropped collection while the drop waits.
func TestStaleReadsBehindAHeldDrop(t *testing.T) {
	for _, waiting := range []bool{true, false} {
		t.Run(map[bool]string{true: "behind what waits", false: "blocked itself"}[waiting], func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src := newElastic(), newFeed("s")
				read := &feedReader{feed: newFeed("r")}
				es.block("shop.orders")
				r := start(t, goatee.WithSource(src), goatee.WithSource(read), goatee.WithSink(es))
				if waiting {
					src.push(change(goatee.OpInsert, 15, 1, 1))
					synctest.Wait()
				}
				src.push(dropOf("shop.orders", 20))
				synctest.Wait()
				read.push(change(goatee.OpRead, 10, 2, 2), change(goatee.OpRead, 30, 3, 3))
				rest(5 * time.Second)
				es.unblock("shop.orders")
				rest(25 * time.Second)
				require.Zero(t, r.Stats().Waiting)
				require.Equal(t, map[string]int32{"shop.orders/3": 3}, es.state())
				require.NoError(t, r.end())
			})
		})
	}
}

// feedReader is a feed of direct reads.
type feedReader struct{ *feed }

func (feedReader) Stateful() bool              { return false }
func (feedReader) Namespace() goatee.Namespace { return orders }
func (feedReader) Begun() bool                 { return true }

func TestADoubtfulChangeIsTriedFiveTimesMore(t *testing.T) {
	for name, tt := range map[string]struct {
		passes  int // the attempt that succeeds
		letters int
	}{"passes": {4, 0}, "passes at last": {6, 0}, "never passes": {100, 1}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store, dead := newElastic(), newFeed("s"), newMemory(), &letters{}
				attempts := 0
				es.doubts = func(a *goatee.Action) bool {
					if a.Change.ID.Int32() != 1 {
						return false
					}
					attempts++
					return attempts < tt.passes
				}
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store), dead.option())
				src.push(change(goatee.OpInsert, 10, 1, 1), change(goatee.OpInsert, 10, 2, 2))
				synctest.Wait()
				require.Contains(t, es.state(), "shop.orders/2", "others go on")
				require.Empty(t, dead.list())
				rest(2 * time.Minute)
				require.Equal(t, min(6, tt.passes), attempts)
				require.Len(t, dead.list(), tt.letters)
				if tt.letters == 1 {
					d := dead.list()[0]
					require.Equal(t, goatee.StageWrite, d.Stage)
					require.Equal(t, "doubtful_exception", d.Type)
					require.Equal(t, 6, d.Attempts)
					require.Equal(t, "shop.orders", d.Target.Index)
				}
				require.Equal(t, tt.letters == 0, maps.Equal(es.state(), map[string]int32{"shop.orders/1": 1, "shop.orders/2": 2}))
				require.Equal(t, uint32(1), store.at("s").ClusterTime.I)
				require.Zero(t, r.Stats().Waiting)
				require.NoError(t, r.end())
			})
		})
	}
}

// temporary is an error in the style of package net.
type temporary struct{ is bool }

func (temporary) Error() string     { return "temporary" }
func (e temporary) Temporary() bool { return e.is }

func TestATransformerMayAskToBeCalledAgain(t *testing.T) {
	down := errors.New("service down")
	for name, tt := range map[string]struct {
		err     error
		limit   time.Duration
		passes  int
		letters int
		calls   int
	}{
		"it passes":                      {err: goatee.Retry(down), passes: 10, calls: 10},
		"an error that is temporary":     {err: temporary{true}, passes: 10, calls: 10},
		"wrapped":                        {err: errors.Join(errors.New("x"), goatee.Retry(down)), passes: 10, calls: 10},
		"an error that is not temporary": {err: temporary{false}, passes: 10, calls: 1, letters: 1},
		"an error that says nothing":     {err: down, passes: 10, calls: 1, letters: 1},
		"up to the limit":                {err: goatee.Retry(down), limit: 10 * time.Second, passes: 100, calls: 5, letters: 1},
		"within the limit":               {err: goatee.Retry(down), limit: 10 * time.Second, passes: 4, calls: 4},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, dead := newElastic(), newFeed("s"), &letters{}
				calls := 0
				tr := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
					if c.ID.Int32() != 1 || c.ClusterTime.T != 10 {
						return a, nil
					}
					if calls++; calls < tt.passes {
						return nil, tt.err
					}
					return a, nil
				})
				var log bytes.Buffer
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithTransformer(tr), goatee.WithRetryLimit(tt.limit),
					dead.option(), goatee.WithLogger(slog.New(slog.NewTextHandler(&log, nil))), goatee.WithLanes(1))
				src.push(change(goatee.OpInsert, 10, 1, 1), change(goatee.OpUpdate, 11, 1, 11), change(goatee.OpInsert, 10, 2, 2))
				synctest.Wait()
				require.Contains(t, es.state(), "shop.orders/2", "others go on")
				rest(5 * time.Minute)
				require.Equal(t, tt.calls, calls)
				require.Len(t, dead.list(), tt.letters, "%v", dead.list())
				if tt.letters == 1 {
					require.Equal(t, goatee.StageTransform, dead.list()[0].Stage)
					require.Equal(t, uint32(10), dead.list()[0].ClusterTime.T)
					require.Equal(t, tt.calls, dead.list()[0].Attempts)
					require.ErrorIs(t, dead.list()[0].Err, tt.err)
				}
				require.Equal(t, map[string]int32{"shop.orders/1": 11, "shop.orders/2": 2}, es.state())
				waited := 0
				if tt.calls > 1 {
					waited = 1
				}
				require.Equal(t, waited, strings.Count(log.String(), "asks to be called again later"), log.String())
				require.Equal(t, waited, strings.Count(log.String(), "no transformer asks to be called again"), log.String())
				require.NoError(t, r.end())
			})
		})
	}
}

// What is kept counts in the budget, for as long as it is kept; the memory of its batch is given back.
func TestWhatWaitsCountsInTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		es.block("shop.orders")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithInFlightBytes(10_000))
		var released atomic.Int64
		for i := range 100 {
			src.pushBatch(&goatee.Batch{Changes: []goatee.Change{change(goatee.OpInsert, 10, i, 1)}, Release: func() { released.Add(1) }})
		}
		rest(time.Minute)
		st := r.Stats()
		require.Equal(t, st.Waiting, released.Load(), "memory of batches is given back")
		require.Greater(t, st.InFlightBytes, int64(9_000))
		require.Less(t, st.InFlightBytes, int64(11_000))
		require.Less(t, st.Waiting, int64(50), "no more is read than fits")
		es.unblock("shop.orders")
		rest(time.Minute)
		require.Len(t, es.state(), 100)
		require.Zero(t, r.Stats().InFlightBytes)
		require.NoError(t, r.end())
	})
}

// What waits owns its change: the memory of its batch is used again.
func TestWhatWaitsOwnsItsChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		es.block("shop.orders")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es))
		c := change(goatee.OpInsert, 10, 1, 7)
		memory, err := c.Document.Raw()
		require.NoError(t, err)
		src.pushBatch(&goatee.Batch{Changes: []goatee.Change{c}, Release: func() { clear(memory) }})
		synctest.Wait()
		require.Zero(t, memory[0], "the batch is released")
		es.unblock("shop.orders")
		rest(time.Minute)
		require.Equal(t, map[string]int32{"shop.orders/1": 7}, es.state())
		require.NoError(t, r.end())
	})
}

// A run whose sources are exhausted ends when what waits is written too.
func TestAnExhaustedRunWaitsForWhatWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src, store := newElastic(), newFeed("s"), newMemory()
		es.block("shop.orders")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store))
		src.push(change(goatee.OpInsert, 10, 1, 1))
		close(src.ch)
		rest(time.Minute)
		require.Empty(t, r.ended)
		require.False(t, r.Stats().Sources[0].Done)
		es.unblock("shop.orders")
		rest(time.Minute)
		require.NoError(t, <-r.ended)
		require.Len(t, es.state(), 1)
		require.Equal(t, uint32(1), store.at("s").ClusterTime.I)
	})
}

// refusing is a feed some of whose look-ups are refused.
type refusing struct {
	*feed
	refuses func(c *goatee.Change) bool
}

func (f refusing) Fetch(_ context.Context, changes []*goatee.Change, fail func(*goatee.Change, error)) ([]*goatee.Change, error) {
	n := max(1, len(changes)/2) // the others are asked for again
	for _, c := range changes[:n] {
		if f.refuses(c) {
			fail(c, errKilled)
			continue
		}
		c.Document = goatee.NewDocument(value(int(c.ID.Int32()), int(c.ClusterTime.T)))
	}
	return changes[n:], nil
}

// A document that MongoDB refuses to look up is one dead letter; the memory of its change says nothing about the next
// change that is there.
func TestALookUpThatIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, dead := newElastic(), &letters{}
		src := refusing{newFeed("s"), func(c *goatee.Change) bool { return c.ID.Int32() == 3 && c.ClusterTime.T < 20 }}
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), dead.option(), goatee.WithLanes(1))
		changes := make([]goatee.Change, 8)
		for round := range uint32(2) {
			for i := range changes {
				changes[i] = update(10+10*round, i)
			}
			src.push(changes...)
			synctest.Wait()
		}
		require.Len(t, dead.list(), 1)
		require.Equal(t, goatee.StageRead, dead.list()[0].Stage)
		require.Equal(t, int32(3), dead.list()[0].DocumentID.Int32())
		require.Equal(t, uint32(10), dead.list()[0].ClusterTime.T)
		require.Len(t, es.state(), 8)
		require.NoError(t, r.end())
	})
}

// lookingUp is a feed of updates without documents; each is looked up as it was at the end.
type lookingUp struct {
	*feed
	size int
}

func (l lookingUp) Fetch(_ context.Context, changes []*goatee.Change, _ func(*goatee.Change, error)) ([]*goatee.Change, error) {
	for _, c := range changes {
		c.Document = goatee.NewDocument(sized(int(c.ID.Int32()), 100, l.size))
	}
	return nil, nil
}

// ownChanges is a feed that looks up its own changes only.
type ownChanges struct {
	*feed
	t *testing.T
}

func (o ownChanges) Fetch(_ context.Context, changes []*goatee.Change, _ func(*goatee.Change, error)) ([]*goatee.Change, error) {
	for _, c := range changes {
		assert.Equal(o.t, o.name, c.Namespace.Collection)
		c.Document = goatee.NewDocument(value(int(c.ID.Int32()), 1))
	}
	return nil, nil
}

// Updates of several sources in one batch of a lane are looked up by their own sources.
func TestEachSourceLooksUpItsOwnUpdates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, a, b := newElastic(), ownChanges{newFeed("a"), t}, ownChanges{newFeed("b"), t}
		hold := make(chan struct{})
		es.before = func(context.Context, []goatee.Action) error { <-hold; return nil }
		r := start(t, goatee.WithSource(a), goatee.WithSource(b), goatee.WithSink(es), goatee.WithLanes(1))
		for i := range 10 { // but for the first they come to the lane at once
			a.push(in("shop.a", update(uint32(10+i), i)))
			b.push(in("shop.b", update(uint32(10+i), i)))
			synctest.Wait()
		}
		close(hold)
		rest(time.Second)
		require.Len(t, es.state(), 20)
		require.NoError(t, r.end())
	})
}

// Documents that are looked up for changes that wait are part of the budget too.
func TestFetchedDocumentsOfWhatWaitsCountInTheBudget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), lookingUp{newFeed("s"), 10_000}
		es.block("shop.orders")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithInFlightBytes(1<<20))
		for i := range uint32(20) {
			src.push(update(10+i, 1))
			synctest.Wait()
		}
		rest(time.Minute)
		require.Equal(t, int64(20), r.Stats().Waiting)
		require.Greater(t, r.Stats().InFlightBytes, int64(20*10_000), "each has its document by now")
		es.unblock("shop.orders")
		rest(time.Minute)
		require.Zero(t, r.Stats().InFlightBytes)
		require.Equal(t, map[string]int32{"shop.orders/1": 100}, es.state())
		require.NoError(t, r.end())
	})
}

// update returns an update that comes without its document.
func update(time uint32, id int) goatee.Change {
	c := change(goatee.OpUpdate, time, id, 0)
	c.Document = goatee.Document{}
	return c
}

func TestStoppingWithSomethingWaiting(t *testing.T) {
	for name, opts := range map[string][]goatee.Option{
		"a blocked index": nil,
		"a transformer": {goatee.WithTransformer(goatee.TransformFunc(func(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) {
			return nil, goatee.Retry(errKilled)
		}))},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store := newElastic(), newFeed("s"), newMemory()
				es.block("shop.orders")
				r := start(t, append(opts, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store))...)
				src.push(in("shop.logs", change(goatee.OpDelete, 9, 1, 1)))
				src.push(change(goatee.OpInsert, 10, 1, 1))
				src.push(in("shop.logs", change(goatee.OpInsert, 11, 1, 1)))
				rest(1500 * time.Millisecond)
				began := time.Now()
				require.NoError(t, r.end())
				require.Zero(t, time.Since(began), "it ends at once")
				require.LessOrEqual(t, store.at("s").ClusterTime.I, uint32(1))
			})
		})
	}
}

// Whatever waits for a blocked index: an operator is told once that it is blocked, and once that it is not. The observer
// may look at Stats.
func TestEachChangeOfAnIndexIsReportedOnce(t *testing.T) {
	for name, to := range map[string][]string{"one index": {"x"}, "two indices": {"x", "y"}, "one of two": {"open", "x"}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src := newElastic(), newFeed("s")
				var mu sync.Mutex
				var told []string
				var log bytes.Buffer
				var r *running
				observer := goatee.Observer{Index: func(i goatee.IndexInfo) {
					state := " takes writes"
					if i.Err != nil {
						state = " is blocked"
					}
					mu.Lock()
					told = append(told, i.Index+state)
					mu.Unlock()
					r.Stats()
				}}
				es.block("x", "y")
				r = start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithObserver(observer), goatee.WithLanes(2),
					goatee.WithTransformer(routed(func(*goatee.Change) []string { return to })),
					goatee.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				for i := range 20 {
					src.push(change(goatee.OpInsert, 10, i%15, i))
				}
				rest(10 * time.Minute)
				var want []string
				for _, index := range to {
					if index != "open" {
						want = append(want, index+" is blocked")
					}
				}
				mu.Lock()
				slices.Sort(told)
				require.Equal(t, want, told)
				mu.Unlock()
				es.unblock("x", "y")
				rest(30 * time.Second)
				require.Zero(t, r.Stats().Waiting)
				require.Len(t, es.state(), 15*len(to))
				mu.Lock()
				require.Len(t, told, 2*len(want), "%v", told)
				mu.Unlock()
				require.Equal(t, len(want), strings.Count(log.String(), "takes no writes"), log.String())
				require.Equal(t, len(want), strings.Count(log.String(), "takes writes again"), log.String())
				require.NoError(t, r.end())
			})
		})
	}
}

// The limit of a change that is tried again is not that of the changes behind it.
func TestWhatWaitsBehindAnotherChangeIsNotGivenUpWithIt(t *testing.T) {
	for name, doubtful := range map[string]bool{"behind Retry": false, "behind a doubtful one": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, dead := newElastic(), newFeed("s"), &letters{}
				first := func(c *goatee.Change) bool { return c.ClusterTime.T == 10 }
				es.doubts = func(a *goatee.Action) bool { return doubtful && first(a.Change) }
				tr := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
					if !doubtful && first(c) {
						return nil, goatee.Retry(errKilled)
					}
					return a, nil
				})
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithTransformer(tr), dead.option(),
					goatee.WithRetryLimit(3*time.Second))
				src.push(change(goatee.OpInsert, 10, 1, 1), change(goatee.OpUpdate, 11, 1, 2))
				rest(time.Minute)
				require.Zero(t, r.Stats().Waiting)
				require.Len(t, dead.list(), 1)
				require.Equal(t, uint32(10), dead.list()[0].ClusterTime.T)
				require.Equal(t, map[string]int32{"shop.orders/1": 2}, es.state())
				require.NoError(t, r.end())
			})
		})
	}
}
