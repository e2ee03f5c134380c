package goatee_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

// asks has a source ask n times, whose replies bring what each says, every time new changes have come, and returns how
// often it asked within a second of the bubble's time.
func asks(t *testing.T, p *goatee.Pace, changes, bytes int, every time.Duration) int {
	t.Helper()
	n := 0
	for began := time.Now(); time.Since(began) < time.Second; n++ {
		time.Sleep(every) // the reply takes that long
		require.NoError(t, p.Wait(t.Context(), changes, bytes))
	}
	return n
}

func TestPace(t *testing.T) {
	const interval = 100 * time.Millisecond
	for name, tt := range map[string]struct {
		changes, bytes int
		every          time.Duration
		want           int
		about          float64
	}{
		"lone changes that come slowly are asked for at once":      {changes: 1, bytes: 1000, every: 50 * time.Millisecond, want: 20},
		"lone changes that come fast are asked for twice as often": {changes: 1, bytes: 1000, every: time.Millisecond, want: 25 + 6, about: 2},
		"changes in numbers":                   {changes: 30, bytes: 30_000, every: time.Millisecond, want: 10 + 2, about: 2},
		"full replies have no limit":           {changes: 500, bytes: 1 << 20, every: time.Millisecond, want: 1000},
		"nothing new: MongoDB waits by itself": {changes: 0, every: 10 * time.Millisecond, want: 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.InDelta(t, tt.want, asks(t, goatee.NewPace(interval), tt.changes, tt.bytes, tt.every), tt.about)
			})
		})
	}
	t.Run("without an interval nobody waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			require.Equal(t, 1000, asks(t, goatee.NewPace(0), 30, 30_000, time.Millisecond))
		})
	})
	t.Run("the burst is there again after a pause", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := goatee.NewPace(interval)
			asks(t, p, 30, 30_000, time.Millisecond)
			time.Sleep(time.Second)
			began := time.Now()
			for range 5 {
				require.NoError(t, p.Wait(t.Context(), 1, 100))
			}
			require.Zero(t, time.Since(began))
		})
	})
}

// Several sources are released together: their changes can be written by one request.
func TestSourcesSharePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := goatee.NewPace(80 * time.Millisecond)
		var mu sync.Mutex
		moments := map[time.Time]int{}
		var sources sync.WaitGroup
		for range 4 {
			sources.Go(func() {
				for range 20 {
					time.Sleep(time.Millisecond)
					_ = p.Wait(t.Context(), 30, 30_000)
					mu.Lock()
					moments[time.Now()]++
					mu.Unlock()
				}
			})
		}
		sources.Wait()
		together := 0
		for _, n := range moments {
			if n == 4 {
				together++
			}
		}
		require.Greater(t, together, 15, "of 20 rounds")
	})
}

func TestPaceEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := goatee.NewPace(time.Hour)
		for range 2 {
			require.NoError(t, p.Wait(t.Context(), 30, 30_000))
		}
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { stop(errKilled) })
		began := time.Now()
		require.ErrorIs(t, p.Wait(ctx, 30, 30_000), errKilled)
		require.Equal(t, time.Second, time.Since(began))
	})
}
