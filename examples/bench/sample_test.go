package main

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMedianIsTheMiddle(t *testing.T) {
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}), "the mean of two middles")
	require.Equal(t, 7.0, median([]float64{7}))
	require.True(t, math.IsNaN(median(nil)))
}

func TestPercentileIsAValueThatWasMeasured(t *testing.T) {
	values := []float64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}
	tests := []struct{ p, want float64 }{{50, 5}, {99, 10}, {90, 9}, {91, 10}, {100, 10}, {0, 1}}
	for _, test := range tests {
		require.Equal(t, test.want, percentile(values, test.p), "p%v", test.p)
	}
	require.True(t, math.IsNaN(percentile(nil, 50)))
}

func TestMediansAreTakenFigureByFigure(t *testing.T) {
	got := medians([]sample{
		{Rate: 1, CPU: 30, RSS: 5, Allocs: 1, MongoDB: 9, Others: 0, Lag: 3, P50: 1, P99: 2},
		{Rate: 2, CPU: 10, RSS: 6, Allocs: 3, MongoDB: 7, Others: 50, Lag: 1, P50: 3, P99: 9},
		{Rate: 3, CPU: 20, RSS: 4, Allocs: 2, MongoDB: 8, Others: 10, Lag: 2, P50: 2, P99: 3},
	})
	require.Equal(t, sample{Rate: 2, CPU: 20, RSS: 5, Allocs: 2, MongoDB: 8, Others: 10, Lag: 2, P50: 2, P99: 3}, got)
}

func TestLatencies(t *testing.T) {
	at := time.Unix(100, 0)
	committed := map[string]time.Time{"a": at, "b": at}
	got, err := latencies(committed, map[string]int64{"a": at.Add(2 * time.Millisecond).UnixNano(), "b": at.Add(-1).UnixNano()})
	require.NoError(t, err)
	require.ElementsMatch(t, []float64{2, 0}, got)

	_, err = latencies(committed, map[string]int64{"a": at.UnixNano()})
	require.ErrorContains(t, err, "b", "a change that is lost is no latency")
}

func TestScatterMeetsEveryDocumentOnce(t *testing.T) {
	for _, n := range []int{1, 10, 10_000, 200_000} {
		seen := make([]bool, n)
		for i := range n {
			seen[scatter(i, n)] = true
		}
		require.NotContains(t, seen, false, "n=%d", n)
	}
}
