package backoff_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/backoff"
)

func TestCeilingDoublesUpToMax(t *testing.T) {
	for _, tc := range []struct {
		f       backoff.Full
		attempt int
		want    time.Duration
	}{
		{backoff.Full{Base: time.Second, Max: 10 * time.Second}, 0, time.Second},
		{backoff.Full{Base: time.Second, Max: 10 * time.Second}, 1, 2 * time.Second},
		{backoff.Full{Base: time.Second, Max: 10 * time.Second}, 3, 8 * time.Second},
		{backoff.Full{Base: time.Second, Max: 10 * time.Second}, 4, 10 * time.Second},
		{backoff.Full{Base: time.Second, Max: 10 * time.Second}, 1 << 30, 10 * time.Second},
		{backoff.Full{Base: time.Second, Max: 1<<63 - 1}, 1000, 1<<63 - 1},
		{backoff.Full{Base: time.Minute, Max: time.Second}, 0, time.Second},
		{backoff.Full{}, 5, 0},
	} {
		require.Equal(t, tc.want, tc.f.Ceiling(tc.attempt), "%+v attempt %d", tc.f, tc.attempt)
	}
}

func TestDelaysSpreadBelowTheCeiling(t *testing.T) {
	f := backoff.Full{Base: time.Second, Max: time.Minute}
	var low, high bool
	for range 10_000 {
		d := f.Delay(2)
		require.LessOrEqual(t, d, 4*time.Second)
		low, high = low || d < time.Second, high || d > 3*time.Second
	}
	require.True(t, low && high, "delays use the whole range")
}

func TestWaitTakesAtLeastWhatTheServerAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, backoff.Full{Base: time.Second, Max: time.Second}.Wait(t.Context(), 0, time.Minute))
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestWaitEndsWithTheCauseOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("drained")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		start := time.Now()
		require.ErrorIs(t, backoff.Full{}.Wait(ctx, 0, time.Hour), cause)
		require.Equal(t, time.Second, time.Since(start))
	})
}
