package watermark_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/watermark"
)

func TestLowStaysBehindUnfinishedWork(t *testing.T) {
	var q watermark.Queue[int]
	q.Reset(10)
	a, b, c := q.Track(11), q.Track(12), q.Track(13)

	q.Done(b)
	low, moves := q.Low()
	require.Equal(t, 10, low, "11 is unfinished")
	require.Equal(t, uint64(1), moves, "that of Reset")

	q.Done(a)
	low, moves = q.Low()
	require.Equal(t, 12, low)
	require.Equal(t, uint64(3), moves)
	require.Equal(t, 1, q.Pending())

	q.Done(c)
	low, _ = q.Low()
	require.Equal(t, 13, low)
	require.Zero(t, q.Pending())
}

// Whatever the order in which work finishes, the low watermark is the longest finished prefix.
func TestLowIsTheFinishedPrefix(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var q watermark.Queue[int]
		n := 1 + r.IntN(40)
		marks := make([]*watermark.Mark[int], n)
		for i := range marks {
			marks[i] = q.Track(i + 1)
		}
		done := make([]bool, n)
		for _, i := range r.Perm(n) {
			q.Done(marks[i])
			done[i] = true
			want := 0
			for want < n && done[want] {
				want++
			}
			low, _ := q.Low()
			require.Equal(t, want, low, "seed %d", seed)
			require.Equal(t, n-want, q.Pending(), "seed %d", seed)
		}
	}
}
