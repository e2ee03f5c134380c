package goatee_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// losing is a Source whose position is lost once; it starts again at another.
type losing struct {
	*feed
	starts []uint32
	lost   bool
}

func (l *losing) Start(context.Context) (goatee.Position, error) {
	at := l.starts[0]
	l.starts = l.starts[1:]
	return goatee.Position{ClusterTime: primitive.Timestamp{T: at}}, nil
}

func (l *losing) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	if !l.lost {
		l.lost = true
		return goatee.ErrPositionLost
	}
	return l.feed.Run(ctx, from, emit)
}

// A crash right after a position was lost must not find it lost again.
func TestGoingOnFromNowIsStoredAtOnce(t *testing.T) {
	for name, before := range map[string]uint32{"a stored position": 50, "none stored": 0} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := newMemory()
				src := &losing{feed: newFeed("s"), starts: []uint32{100}}
				if before == 0 {
					src.starts = []uint32{60, 100}
				} else {
					store.saved["s"] = goatee.Position{ClusterTime: primitive.Timestamp{T: before}}
				}
				r := start(t, goatee.WithSource(src), goatee.WithSink(newElastic()), goatee.WithPositions(store),
					goatee.WithLostPosition(goatee.LostPositionFromNow), goatee.WithCheckpointInterval(time.Hour))
				require.Equal(t, uint32(100), store.at("s").ClusterTime.T)
				require.NoError(t, r.end())
			})
		})
	}
}

func TestAddAndRemove(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, store, first := newElastic(), newMemory(), newFeed("first")
		r := start(t, goatee.WithSource(first), goatee.WithSink(es), goatee.WithPositions(store),
			goatee.WithCheckpointInterval(time.Hour))
		var config *goatee.ConfigError

		require.ErrorAs(t, r.Add(t.Context(), newFeed("first")), &config, "a name that is in use")
		require.ErrorAs(t, r.Add(t.Context(), nil), &config)
		require.ErrorAs(t, r.Remove(t.Context(), "nobody"), &config)

		second := &startingFeed{feed: newFeed("second"), at: 7}
		require.NoError(t, r.Add(t.Context(), second))
		require.Equal(t, uint32(7), store.at("second").ClusterTime.T, "where it starts is stored before it is read")
		second.push(change(goatee.OpInsert, 10, 1, 1))
		first.push(change(goatee.OpInsert, 10, 2, 2))
		synctest.Wait()
		require.Len(t, es.state(), 2)
		require.Len(t, r.Stats().Sources, 2)

		require.NoError(t, r.Remove(t.Context(), "second"))
		require.Equal(t, uint32(1), store.at("second").ClusterTime.I, "its position is stored")
		require.Len(t, r.Stats().Sources, 1)
		second.push(change(goatee.OpInsert, 11, 3, 3))
		synctest.Wait()
		require.Len(t, es.state(), 2, "it is not read any more")

		require.NoError(t, r.Add(t.Context(), second), "its name is free again")
		synctest.Wait()
		require.Len(t, es.state(), 3)
		require.NoError(t, r.Remove(t.Context(), "second"))
		require.NoError(t, r.Remove(t.Context(), "first"))
		require.NoError(t, <-r.ended, "without a source Run ends")
		require.ErrorIs(t, r.Add(t.Context(), newFeed("third")), goatee.ErrNotRunning)
		require.ErrorIs(t, r.Remove(t.Context(), "first"), goatee.ErrNotRunning)
	})
}

// startingFeed is a feed that knows where it starts.
type startingFeed struct {
	*feed
	at  uint32
	err error // of Check
}

func (s *startingFeed) Start(context.Context) (goatee.Position, error) {
	return goatee.Position{ClusterTime: primitive.Timestamp{T: s.at}}, nil
}

func (s *startingFeed) Check(context.Context) error { return s.err }

func TestWhatCannotBeAddedLeavesNothingBehind(t *testing.T) {
	for name, tt := range map[string]struct {
		check, save error
	}{"its check fails": {check: errKilled}, "its start cannot be stored": {save: errKilled}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				store := newMemory()
				r := start(t, goatee.WithSource(newFeed("first")), goatee.WithSink(newElastic()), goatee.WithPositions(store),
					goatee.WithCheckpointInterval(time.Hour))
				store.fail = tt.save
				require.ErrorIs(t, r.Add(t.Context(), &startingFeed{feed: newFeed("second"), at: 7, err: tt.check}), errKilled)
				require.Len(t, r.Stats().Sources, 1)
				store.fail = nil
				require.NoError(t, r.Add(t.Context(), &startingFeed{feed: newFeed("second"), at: 7}))
				require.NoError(t, r.end())
			})
		})
	}
}

// Remove waits for what the source brought; when the run ends first it says so instead of waiting for ever.
func TestRemoveWaitsForWhatIsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		es.block("shop.orders")
		r := start(t, goatee.WithSource(src), goatee.WithSource(newFeed("other")), goatee.WithSink(es), goatee.WithPositions(newMemory()))
		src.push(change(goatee.OpInsert, 10, 1, 1))
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, r.Remove(ctx, "s"), context.DeadlineExceeded)

		removed := make(chan error, 1)
		go func() { removed <- r.Remove(context.Background(), "s") }()
		rest(time.Minute)
		require.Empty(t, removed)
		require.NoError(t, r.end())
		require.ErrorIs(t, <-removed, goatee.ErrNotRunning)
	})
}

func TestPauseAndResume(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, a, b := newElastic(), newFeed("a"), newFeed("b")
		s := newSyncer(t, goatee.WithSource(a), goatee.WithSink(es))
		require.ErrorIs(t, s.Pause(), goatee.ErrNotRunning)
		require.ErrorIs(t, s.Resume(), goatee.ErrNotRunning)

		r := start(t, goatee.WithSource(a), goatee.WithSource(b), goatee.WithSink(es))
		var config *goatee.ConfigError
		require.ErrorAs(t, r.Pause("a", "nobody"), &config)
		require.NoError(t, r.Pause("a"))
		require.NoError(t, r.Pause("a"), "twice is once")
		a.push(change(goatee.OpInsert, 10, 1, 1))
		b.push(change(goatee.OpInsert, 10, 2, 2))
		synctest.Wait()
		require.Equal(t, map[string]int32{"shop.orders/2": 2}, es.state())
		require.True(t, r.Stats().Sources[0].Paused)
		require.False(t, r.Stats().Sources[1].Paused)
		require.NoError(t, r.Resume())
		synctest.Wait()
		require.Len(t, es.state(), 2)
		require.NoError(t, r.Pause())
		a.push(change(goatee.OpInsert, 11, 3, 3))
		synctest.Wait()
		require.Len(t, es.state(), 2)
		require.NoError(t, r.end(), "a paused source can be stopped")
	})
}

func TestReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		src := newFeed("s")
		read := &feedReader{feed: newFeed("r")}
		es := newElastic()
		r := start(t, goatee.WithSource(src), goatee.WithSource(read), goatee.WithSink(es))
		ready := func() bool {
			synctest.Wait()
			select {
			case <-r.Ready():
				require.True(t, r.Stats().Ready)
				return true
			default:
				require.False(t, r.Stats().Ready)
				return false
			}
		}
		require.False(t, ready())
		read.push(change(goatee.OpRead, 10, 1, 1))
		close(read.ch)
		require.False(t, ready(), "the stream is behind")
		es.block("shop.orders")
		src.pushBatch(&goatee.Batch{Changes: []goatee.Change{change(goatee.OpInsert, 11, 2, 2)}, CaughtUp: true})
		require.False(t, ready(), "what it brought is not applied")
		es.unblock("shop.orders")
		rest(2 * time.Second)
		require.True(t, ready())
		src.push(change(goatee.OpInsert, 12, 2, 2))
		require.True(t, ready(), "once is for ever")
		require.NoError(t, r.end())
	})
}

func TestReadyStaysOpenWhenADirectReadFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		src := newFeed("s")
		read := &reader{stream: stream{name: "r", err: errKilled}}
		r := start(t, goatee.WithSource(src), goatee.WithSource(read), goatee.WithSink(newElastic()))
		src.pushBatch(&goatee.Batch{CaughtUp: true})
		rest(time.Minute)
		require.False(t, r.Stats().Ready)
		require.Equal(t, "source r: killed", r.Stats().Sources[1].Error)
		require.NoError(t, r.end())
	})
}

func TestCaughtUpAndLag(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), newFeed("s")
		r := start(t, goatee.WithSource(src), goatee.WithSink(es))
		mongo := func() uint32 { return uint32(time.Now().Unix() + 1000) } // its clock is ahead
		stats := func() goatee.SourceStats { synctest.Wait(); return r.Stats().Sources[0] }
		push := func(behind uint32, caughtUp bool, changes ...goatee.Change) {
			src.n++
			src.ch <- &goatee.Batch{
				Changes: changes, Position: goatee.Position{ClusterTime: primitive.Timestamp{T: mongo() - behind}},
				Head: primitive.Timestamp{T: mongo()}, CaughtUp: caughtUp,
			}
		}
		require.Zero(t, stats().LagSeconds, "nothing is known yet")
		require.False(t, stats().CaughtUp)
		push(60, false)
		require.InDelta(t, 60, stats().LagSeconds, 1)
		rest(10 * time.Second)
		require.InDelta(t, 70, stats().LagSeconds, 1, "it grows while nothing comes")
		push(0, true)
		require.Zero(t, stats().LagSeconds)
		require.True(t, stats().CaughtUp)
		rest(10 * time.Second)
		require.Zero(t, stats().LagSeconds, "there was nothing more to read")
		es.block("shop.orders")
		push(0, true, change(goatee.OpInsert, 10, 1, 1))
		rest(30 * time.Second)
		require.False(t, stats().CaughtUp, "what it brought waits")
		require.InDelta(t, 40, stats().LagSeconds, 1)
		require.NoError(t, r.end())
	})
}

// terms is an Elector whose terms end when a test says so, or at once.
type terms struct {
	mu        sync.Mutex
	fence     goatee.Fence
	campaigns int
	resigned  int
	lose      context.CancelCauseFunc
	broken    func() (*goatee.Term, error) // instead of a term
}

func (e *terms) Campaign(ctx context.Context) (*goatee.Term, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.campaigns++
	if e.broken != nil {
		return e.broken()
	}
	e.fence++
	reading, stopReading := context.WithCancelCause(ctx)
	writing, stopWriting := context.WithCancelCause(context.WithoutCancel(ctx))
	e.lose = func(err error) { stopReading(err); stopWriting(err) }
	lose := e.lose
	return &goatee.Term{Fence: e.fence, Reading: reading, Writing: writing, Resign: func(context.Context) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.resigned++
		lose(nil)
		return nil
	}}, nil
}

// A store that refuses the leader's positions at once is not asked hundreds of times.
func TestCampaignsBackOff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store, e := newMemory(), &terms{}
		store.fail = goatee.ErrFenced
		r := start(t, goatee.WithSource(&startingFeed{feed: newFeed("s"), at: 1}), goatee.WithSink(newElastic()),
			goatee.WithPositions(store), goatee.WithElector(e))
		rest(10 * time.Minute)
		e.mu.Lock()
		require.Greater(t, e.campaigns, 10)
		require.Less(t, e.campaigns, 100)
		require.Equal(t, e.campaigns, e.resigned)
		e.mu.Unlock()
		require.NoError(t, r.end())
	})
}

// Counters, and when Run began, are those of Run; a leadership is an episode of it.
func TestCountersOutlastLeaderships(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, e, src, dead := newElastic(), &terms{}, newFeed("s"), &letters{}
		es.refuses = func(a *goatee.Action) bool { return a.Change.ID.Int32() == 13 }
		began := time.Now()
		r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(newMemory()), goatee.WithElector(e), dead.option())
		for round := range 3 {
			src.push(change(goatee.OpInsert, 10, 1, 1), change(goatee.OpInsert, 10, 13, 1))
			synctest.Wait()
			st := r.Stats()
			require.Equal(t, int64(2*(round+1)), st.Applied)
			require.Equal(t, int64(round+1), st.DeadLetters)
			require.Equal(t, int64(2*(round+1)), st.Sources[0].Read)
			require.Equal(t, int64(2*(round+1)), st.Sources[0].Applied)
			require.Equal(t, began, st.Started)
			require.True(t, st.Leading)
			e.lose(goatee.ErrLeadershipLost)
			synctest.Wait()
			require.False(t, r.Stats().Leading)
			require.ErrorIs(t, r.Pause(), goatee.ErrNotRunning)
			rest(time.Minute)
		}
		require.NoError(t, r.end())
	})
}

// Sources that were added, or removed, are so for the next leadership too.
func TestSourcesOutlastLeaderships(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, e, first, added := newElastic(), &terms{}, newFeed("first"), newFeed("added")
		r := start(t, goatee.WithSource(first), goatee.WithSource(newFeed("removed")), goatee.WithSink(es),
			goatee.WithPositions(newMemory()), goatee.WithElector(e))
		require.NoError(t, r.Add(t.Context(), added))
		require.NoError(t, r.Remove(t.Context(), "removed"))
		e.lose(goatee.ErrLeadershipLost)
		rest(time.Minute)
		var names []string
		for _, s := range r.Stats().Sources {
			names = append(names, s.Name)
		}
		require.Equal(t, []string{"first", "added"}, names)
		added.push(change(goatee.OpInsert, 10, 1, 1))
		synctest.Wait()
		require.Len(t, es.state(), 1)
		require.NoError(t, r.end())
	})
}

// What an elector does wrong is an error of Run, at worst.
func TestABrokenElectorIsAnError(t *testing.T) {
	for name, broken := range map[string]func() (*goatee.Term, error){
		"it panics":             func() (*goatee.Term, error) { panic("x") },
		"it fails":              func() (*goatee.Term, error) { return nil, errKilled },
		"no term and no error":  func() (*goatee.Term, error) { return nil, nil },
		"a term without an end": func() (*goatee.Term, error) { return &goatee.Term{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSyncer(t, goatee.WithSource(newFeed("s")), goatee.WithSink(newElastic()), goatee.WithPositions(newMemory()),
					goatee.WithElector(&terms{broken: broken}))
				require.ErrorContains(t, s.Run(t.Context()), "campaign")
			})
		})
	}
}

// The positions of a leadership that was lost are the next leader's business.
func TestNothingIsStoredAfterLeadershipLoss(t *testing.T) {
	bubble(t, func(t *testing.T) {
		e, src, store := &terms{}, newFeed("s"), newMemory()
		hold := make(chan struct{})
		deaf := sinkFunc(func(context.Context, []goatee.Action) error { <-hold; return nil }) // whatever its context says
		r := start(t, goatee.WithSource(src), goatee.WithSink(deaf), goatee.WithPositions(store), goatee.WithElector(e))
		src.push(change(goatee.OpInsert, 10, 1, 1))
		synctest.Wait()
		e.lose(goatee.ErrLeadershipLost)
		close(hold)
		synctest.Wait()
		require.Equal(t, int64(1), r.Stats().Applied, "the low watermark has moved")
		require.Zero(t, store.saves)
		require.NoError(t, r.end())
	})
}

// sinkFunc is a Sink.
type sinkFunc func(context.Context, []goatee.Action) error

func (f sinkFunc) Write(ctx context.Context, actions []goatee.Action) error { return f(ctx, actions) }

// What a lane is about to write when its context ends is not written: another process may lead by then.
func TestNothingIsWrittenOnceWorkHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		es, src := newElastic(), patient{newFeed("s")}
		r := start(t, goatee.WithSource(src), goatee.WithDrainTimeout(time.Second), goatee.WithSink(sinkFunc(
			func(context.Context, []goatee.Action) error { t.Error("a write"); return nil })))
		src.push(update(10, 1))
		synctest.Wait()
		require.ErrorIs(t, r.end(), goatee.ErrDrainTimeout)
		require.Empty(t, es.state())
	})
}

// patient is a feed whose look-ups end with their context, successfully.
type patient struct{ *feed }

func (patient) Fetch(ctx context.Context, changes []*goatee.Change, _ func(*goatee.Change, error)) ([]*goatee.Change, error) {
	<-ctx.Done()
	for _, c := range changes {
		c.Document = goatee.NewDocument(value(1, 1))
	}
	return nil, nil
}

// Collections in which goatee keeps its own state are not followed, whatever happens in them.
func TestOwnStateIsLeftOut(t *testing.T) {
	own := []goatee.Namespace{{Database: "monstache", Collection: "monstache"}, {Database: "monstache", Collection: "leases"}}
	for name, tt := range map[string]struct {
		changes []goatee.Change
		want    int
	}{
		"a document":                {[]goatee.Change{in("monstache.monstache", change(goatee.OpInsert, 10, 1, 1))}, 0},
		"of another collection":     {[]goatee.Change{in("monstache.other", change(goatee.OpInsert, 10, 1, 1))}, 1},
		"among others":              {[]goatee.Change{in("monstache.other", change(goatee.OpInsert, 10, 1, 1)), in("monstache.leases", change(goatee.OpInsert, 10, 1, 1))}, 1},
		"several, and nothing else": {[]goatee.Change{in("monstache.leases", change(goatee.OpInsert, 10, 1, 1)), in("monstache.leases", change(goatee.OpDelete, 11, 1, 1))}, 0},
		"a drop":                    {[]goatee.Change{dropOf("monstache.leases", 10)}, 0},
		"a drop of another":         {[]goatee.Change{dropOf("monstache.other", 10)}, 1},
		"a drop of its database, which other indices are named after": {[]goatee.Change{dropOf("monstache", 10)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store := newElastic(), newFeed("s"), &owning{memory: newMemory(), own: own}
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(struct{ goatee.PositionStore }{store}))
				src.push(tt.changes...)
				rest(2 * time.Second)
				require.Len(t, es.log, tt.want)
				require.Equal(t, uint32(1), store.at("s").ClusterTime.I)
				require.Zero(t, r.Stats().InFlightBytes)
				require.NoError(t, r.end())
			})
		})
	}
}

type owning struct {
	*memory
	own []goatee.Namespace
}

func (o *owning) OwnNamespaces() []goatee.Namespace { return o.own }

// A direct read that fails ends neither the streams nor the other reads; the result of a run that ends by itself has it.
func TestAFailingDirectReadIsItsOwn(t *testing.T) {
	for name, fails := range map[string]error{"an error": errors.New("view fails"), "a panic": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store := newElastic(), newFeed("s"), newMemory()
				bad := &statefulReader{reader{stream: stream{name: "bad", err: fails, changes: []goatee.Change{change(goatee.OpRead, 5, 7, 7)}}}}
				var failing goatee.Source = bad
				if fails == nil {
					failing = panicking{bad}
				}
				var stopped []string
				r := start(t, goatee.WithSource(src), goatee.WithSource(failing), goatee.WithSink(es), goatee.WithPositions(store),
					goatee.WithObserver(goatee.Observer{SourceStopped: func(i goatee.SourceInfo) { stopped = append(stopped, i.Source) }}))
				rest(time.Minute)
				require.Equal(t, []string{"bad"}, stopped)
				src.push(change(goatee.OpInsert, 10, 1, 1))
				synctest.Wait()
				require.Contains(t, es.state(), "shop.orders/1", "the stream goes on")
				require.True(t, r.Stats().Sources[1].Done)
				require.NotEmpty(t, r.Stats().Sources[1].Error)
				close(src.ch)
				err := <-r.ended
				if fails != nil {
					require.ErrorIs(t, err, fails)
				} else {
					require.ErrorIs(t, err, goatee.ErrPanic)
				}
				require.True(t, store.at("bad").IsZero(), "it is read again at the next start")
			})
		})
	}
}

type statefulReader struct{ reader }

func (*statefulReader) Stateful() bool { return true }

type panicking struct{ goatee.Source }

func (p panicking) Run(context.Context, goatee.Position, goatee.EmitFunc) error { panic("read") }

// A stateful direct read is remembered as complete when all of it arrived, and not before.
func TestACompleteDirectReadIsRemembered(t *testing.T) {
	reads := func(complete bool, ids ...int) []*goatee.Batch {
		var batches []*goatee.Batch
		for i, id := range ids {
			batches = append(batches, &goatee.Batch{
				Changes:  []goatee.Change{change(goatee.OpRead, 10, id, id)},
				Position: goatee.Position{ClusterTime: primitive.Timestamp{T: 10}, Complete: complete && i == len(ids)-1},
			})
		}
		return batches
	}
	for name, tt := range map[string]struct {
		batches []*goatee.Batch
		blocked bool
		want    bool
	}{
		"all of it":               {batches: reads(true, 1, 2), want: true},
		"not to its end":          {batches: reads(false, 1, 2)},
		"a document is refused":   {batches: reads(true, 1, 13)},
		"the last waits":          {batches: reads(true, 1, 2), blocked: true},
		"one is failed by itself": {batches: []*goatee.Batch{{Failed: []goatee.FailedChange{{Change: change(goatee.OpRead, 10, 1, 1), Err: errKilled}}, Position: goatee.Position{Complete: true}}}},
		"an empty collection":     {batches: []*goatee.Batch{{Position: goatee.Position{Complete: true}}}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, store, dead := newElastic(), newMemory(), &letters{}
				es.refuses = func(a *goatee.Action) bool { return a.Change.ID.Int32() == 13 }
				if tt.blocked {
					es.block("shop.orders")
				}
				read := &batches{name: "r", batches: tt.batches}
				r := start(t, goatee.WithSource(read), goatee.WithSource(newFeed("s")), goatee.WithSink(es), goatee.WithPositions(store), dead.option())
				rest(time.Minute)
				require.Equal(t, tt.want, store.at("r").Complete)
				require.Equal(t, tt.want, !store.at("r").IsZero(), "an incomplete one is not stored")
				require.NoError(t, r.end())
				require.Equal(t, tt.want, !store.at("r").IsZero())
			})
		})
	}
}

// batches is a stateful direct read of given batches.
type batches struct {
	name    string
	batches []*goatee.Batch
}

func (b *batches) Name() string                { return b.name }
func (b *batches) Stateful() bool              { return true }
func (b *batches) Namespace() goatee.Namespace { return orders }
func (b *batches) Begun() bool                 { return true }

func (b *batches) Run(ctx context.Context, _ goatee.Position, emit goatee.EmitFunc) error {
	for _, batch := range b.batches {
		if err := emit(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// Changes that a source cannot complete are dead letters before their position is passed.
func TestFailedChangesOfABatch(t *testing.T) {
	for name, handler := range map[string]error{"a handler that takes them": nil, "a handler that fails": errKilled} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store := newElastic(), newFeed("s"), newMemory()
				var got []goatee.DeadLetter
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store),
					goatee.WithDeadLetter(func(_ context.Context, d goatee.DeadLetter) error {
						require.Zero(t, store.at("s").ClusterTime.I)
						got = append(got, d)
						return handler
					}))
				bad := change(goatee.OpInsert, 10, 1, 1)
				src.pushBatch(&goatee.Batch{
					Changes: []goatee.Change{change(goatee.OpInsert, 10, 2, 2)},
					Failed:  []goatee.FailedChange{{Change: bad, Err: errors.New("too large")}},
				})
				rest(2 * time.Second)
				require.Len(t, got, 1)
				require.Equal(t, goatee.StageRead, got[0].Stage)
				require.Equal(t, bad.ID, got[0].DocumentID)
				if handler != nil {
					require.ErrorIs(t, <-r.ended, handler)
					require.True(t, store.at("s").IsZero())
					return
				}
				require.Equal(t, uint32(1), store.at("s").ClusterTime.I)
				require.Contains(t, es.state(), "shop.orders/2")
				require.Equal(t, int64(1), r.Stats().DeadLetters)
				close(src.ch)
				require.ErrorIs(t, <-r.ended, goatee.ErrRefused)
			})
		})
	}
}

// A barrier has a batch of its own: anything else is the source's mistake, and not applied in part.
func TestABarrierInsideABatchIsRefused(t *testing.T) {
	ins, drop := change(goatee.OpInsert, 10, 1, 1), dropOf("shop.orders", 11)
	for name, batch := range map[string][]goatee.Change{
		"behind": {ins, drop}, "before": {drop, ins}, "in between": {ins, drop, ins}, "two": {drop, drop},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				es, src, store := newElastic(), newFeed("s"), newMemory()
				r := start(t, goatee.WithSource(src), goatee.WithSink(es), goatee.WithPositions(store))
				src.push(slices.Clone(batch)...)
				require.ErrorContains(t, <-r.ended, "a drop must be alone in its batch")
				require.Empty(t, es.log)
				require.True(t, store.at("s").IsZero())
			})
		})
	}
}
