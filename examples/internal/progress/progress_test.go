package progress_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/internal/progress"
)

func stats(sources ...goatee.SourceStats) goatee.Stats {
	return goatee.Stats{Started: time.Unix(100, 0), Sources: sources}
}

func TestOnlyDirectReadsCount(t *testing.T) {
	st := stats(
		goatee.SourceStats{Applied: 1000, Estimate: 1000},
		goatee.SourceStats{DirectRead: true, Applied: 30, ReadBytes: 300, Estimate: 100},
		goatee.SourceStats{DirectRead: true, Applied: 20, ReadBytes: 200, Estimate: 100},
	)
	r := progress.Of(st, time.Unix(110, 0))
	require.Equal(t, progress.Reads{Documents: 50, Bytes: 500, Estimate: 200, Elapsed: 10 * time.Second}, r)
	require.Equal(t, 30*time.Second, r.Remaining())
	require.Equal(t, "[==      ]  25%  50 of 200 documents, 5/s, 30s left", r.Bar(8))
}

func TestWhatIsOnlyReadDoesNotCount(t *testing.T) {
	st := stats(goatee.SourceStats{DirectRead: true, Read: 5000, Applied: 1000, Estimate: 5000})
	require.EqualValues(t, 1000, progress.Of(st, time.Now()).Documents)
}

func TestAnUnknownEstimateIsNotGuessed(t *testing.T) {
	r := progress.Of(stats(
		goatee.SourceStats{DirectRead: true, Applied: 30, Estimate: 100},
		goatee.SourceStats{DirectRead: true, Applied: 20},
	), time.Unix(110, 0))
	require.Zero(t, r.Estimate)
	require.Zero(t, r.Remaining())
	require.Equal(t, "50 documents, 5/s", r.Bar(8))
}

func TestABarNeverOverflows(t *testing.T) {
	r := progress.Of(stats(goatee.SourceStats{DirectRead: true, Applied: 150, Estimate: 100}), time.Unix(110, 0))
	require.Equal(t, "[========] 100%  150 of 150 documents, 15/s", r.Bar(8))
}

func TestCompleteWhenEveryReadIsDone(t *testing.T) {
	done, busy := goatee.SourceStats{DirectRead: true, Done: true}, goatee.SourceStats{DirectRead: true}
	require.True(t, progress.Of(stats(done, done), time.Now()).Complete)
	require.False(t, progress.Of(stats(done, busy), time.Now()).Complete)
	require.False(t, progress.Of(stats(), time.Now()).Complete)
}

func TestWatchShowsAtEachIntervalAndEndsWithTheReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		current := func() goatee.Stats {
			return stats(goatee.SourceStats{DirectRead: true, Done: time.Since(begin) >= 35*time.Second})
		}
		shown := 0
		r := progress.Watch(context.Background(), current, 10*time.Second, func(progress.Reads) { shown++ })
		require.True(t, r.Complete)
		require.Equal(t, 3, shown)
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := progress.Watch(ctx, func() goatee.Stats { return stats() }, time.Second, func(progress.Reads) {})
	require.False(t, r.Complete)
}

func TestRefusedDocumentsAndFailedReadsAreCounted(t *testing.T) {
	r := progress.Of(stats(
		goatee.SourceStats{DirectRead: true, Done: true, Applied: 4, DeadLetters: 3},
		goatee.SourceStats{DirectRead: true, Done: true, Error: "there is no such collection"},
		goatee.SourceStats{DeadLetters: 7},
	), time.Unix(110, 0))
	require.True(t, r.Complete)
	require.EqualValues(t, 4, r.Documents)
	require.EqualValues(t, 3, r.Refused)
	require.Equal(t, 1, r.Failed)
}
