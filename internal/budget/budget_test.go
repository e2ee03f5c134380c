package budget_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/budget"
)

func TestAcquireWaitsForRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(10)
		n, err := b.Acquire(t.Context(), 8)
		require.NoError(t, err)
		got := make(chan int64)
		go func() { n, _ := b.Acquire(t.Context(), 5); got <- n }()
		synctest.Wait()
		require.Equal(t, int64(8), b.Used(), "the second waits")
		b.Release(n)
		require.Equal(t, int64(5), <-got)
	})
}

func TestLargeRequestIsNotStarvedAndPassesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(10)
		small, _ := b.Acquire(t.Context(), 1)
		order := make(chan string, 2)
		go func() { n, _ := b.Acquire(t.Context(), 100); order <- "large"; b.Release(n) }()
		synctest.Wait()
		go func() { n, _ := b.Acquire(t.Context(), 1); order <- "small"; b.Release(n) }()
		synctest.Wait()
		require.Empty(t, order, "a later small request does not overtake")
		b.Release(small)
		require.Equal(t, "large", <-order)
		require.Equal(t, "small", <-order)
		synctest.Wait()
		require.Zero(t, b.Used())
	})
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(1)
		_, err := b.Acquire(t.Context(), 1)
		require.NoError(t, err)
		cause := errors.New("stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error)
		go func() { _, err := b.Acquire(ctx, 1); failed <- err }()
		synctest.Wait()
		cancel(cause)
		require.ErrorIs(t, <-failed, cause)
		b.Release(1)
		require.Zero(t, b.Used())
	})
}
