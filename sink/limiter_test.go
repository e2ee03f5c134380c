package sink

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func acquire(t *testing.T, l *limiter, n int) {
	t.Helper()
	for range n {
		require.NoError(t, l.acquire(t.Context()))
	}
}

func release(l *limiter, n int, told load) {
	for range n {
		l.release(told)
	}
}

func TestLimiterHalvesAndRecovers(t *testing.T) {
	var l limiter
	acquire(t, &l, 8)
	require.Zero(t, l.bound, "no bound before the first 429")
	l.release(busy)
	require.Equal(t, 4, l.bound)
	release(&l, 7, busy)
	require.Equal(t, 1, l.bound, "one request is always allowed")

	for _, want := range []int{2, 2, 3, 3, 3, 4} {
		acquire(t, &l, 1)
		l.release(good)
		require.Equal(t, want, l.bound)
	}
	for range 100 {
		acquire(t, &l, 1)
		l.release(good)
	}
	require.Zero(t, l.bound, "a bound that holds nobody back is lifted")
}

func TestLimiterLearnsNothingFromRequestsWithoutAnswer(t *testing.T) {
	var l limiter
	acquire(t, &l, 8)
	release(&l, 4, busy)
	before := l.bound
	release(&l, 4, unclear)
	for range 20 {
		acquire(t, &l, 1)
		l.release(unclear)
	}
	require.Equal(t, before, l.bound)
	require.Zero(t, l.active)
}

func TestLimiterHoldsItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l limiter
		acquire(t, &l, 4)
		release(&l, 4, busy) // 4, 2, 1, 1
		var mu sync.Mutex
		active, most := 0, 0
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if l.acquire(t.Context()) != nil {
					return
				}
				mu.Lock()
				active++
				most = max(most, active)
				mu.Unlock()
				time.Sleep(time.Second)
				mu.Lock()
				active--
				mu.Unlock()
				l.release(busy)
			})
		}
		start := time.Now()
		wg.Wait()
		require.Equal(t, 1, most)
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestLimiterForgetsThoseWhoGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l limiter
		acquire(t, &l, 1)
		l.release(busy)
		acquire(t, &l, 1) // the only place is taken
		cause := errors.New("drained")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		require.ErrorIs(t, l.acquire(ctx), cause)
		require.Empty(t, l.waiting)

		done := make(chan error)
		go func() { done <- l.acquire(t.Context()) }()
		synctest.Wait()
		l.release(busy)
		require.NoError(t, <-done)
	})
}

func TestLimiterTakesBackATurnThatCameTooLate(t *testing.T) {
	var l limiter
	acquire(t, &l, 1)
	turn := make(chan struct{})
	close(turn) // admitted in the instant its context ended
	l.active++
	l.leave(turn)
	require.Equal(t, 1, l.active)
}

func TestWhatAnswersTellAboutTheLoad(t *testing.T) {
	ok, none := reply{status: 200}, reply{}
	for name, tc := range map[string]struct {
		v    verdict
		rest remainder
		res  reply
		want load
	}{
		"all done":                      {allDone, remainder{}, ok, good},
		"some refused":                  {perItem, remainder{}, ok, good},
		"one more attempt":              {perItem, remainder{lines: 1}, ok, good},
		"too large":                     {split, remainder{}, reply{status: 413}, good},
		"queues are full":               {perItem, remainder{lines: 1, wait: true, busy: true}, ok, busy},
		"429":                           {unknown, remainder{lines: 1, wait: true, busy: true}, reply{status: 429}, busy},
		"a node is in trouble":          {perItem, remainder{lines: 1, wait: true}, ok, unclear},
		"503":                           {unknown, remainder{lines: 1, wait: true}, reply{status: 503}, unclear},
		"no answer":                     {unknown, remainder{lines: 1, wait: true}, none, unclear},
		"an answer that is not a reply": {unknown, remainder{lines: 1, wait: true}, ok, unclear},
	} {
		require.Equal(t, tc.want, loadOf(tc.v, tc.rest, tc.res), name)
	}
}

func TestAServerIsBusyIfNothingElseIsWrong(t *testing.T) {
	full := item{outcome: transient, status: 429, errType: "es_rejected_execution_exception"}
	lost := item{outcome: transient, status: 500, errType: "node_not_connected_exception"}
	raced := item{outcome: conflicting}
	for _, tc := range []struct {
		items []item
		want  [2]bool // wait, busy
	}{
		{[]item{raced}, [2]bool{}}, {[]item{full, raced, full}, [2]bool{true, true}},
		{[]item{full, lost}, [2]bool{true, false}}, {[]item{lost, full}, [2]bool{true, false}},
	} {
		var r remainder
		for _, it := range tc.items {
			r.note(it)
		}
		require.Equal(t, tc.want, [2]bool{r.wait, r.busy})
	}
}
