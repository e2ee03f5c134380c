package goatee_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

// watch is a Sink that sees two writes of one document overlap, or come in another order than the changes.
type watch struct {
	t      *testing.T
	mu     sync.Mutex
	open   map[string]bool
	last   map[string]uint32
	writes [][]string // ids
}

func newWatch(t *testing.T) *watch {
	return &watch{t: t, open: map[string]bool{}, last: map[string]uint32{}}
}

func (w *watch) Write(_ context.Context, actions []goatee.Action) error {
	var ids []string
	w.mu.Lock()
	for i := range actions {
		c := actions[i].Change
		id := c.ID.String()
		assert.False(w.t, w.open[id], "two writes of %s at once", id)
		assert.Less(w.t, w.last[id], c.ClusterTime.T, "order of %s", id)
		w.last[id] = c.ClusterTime.T
		ids = append(ids, id)
	}
	for _, id := range ids {
		w.open[id] = true
	}
	w.writes = append(w.writes, ids)
	w.mu.Unlock()
	for range rand.IntN(20) { // so that others overtake
		runtime.Gosched()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		delete(w.open, id)
	}
	return nil
}

// Whichever lanes are free: changes of one document are written one after the other.
func TestADocumentHasOneLaneAtATime(t *testing.T) {
	bounded(t)
	asItIs := goatee.TransformFunc(func(_ context.Context, _ *goatee.Change, a []goatee.Action) ([]goatee.Action, error) { return a, nil })
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 8))
		changes, _ := history(r, 300)
		w := newWatch(t)
		opts := []goatee.Option{
			goatee.WithSource(&stream{name: "s", changes: changes, batch: 1 + r.IntN(8)}),
			goatee.WithSink(w), goatee.WithLanes(2 + r.IntN(6)), goatee.WithBatch(1+r.IntN(20), 1<<20),
		}
		if r.IntN(2) == 0 { // every change is written, and batches are spread
			opts = append(opts, goatee.WithTransformer(asItIs))
		}
		require.NoError(t, newSyncer(t, opts...).Run(t.Context()))
		require.False(t, t.Failed(), "seed %d", seed)
		require.Greater(t, len(w.writes), 1)
	}
}

// Each lane makes requests of its own: a batch stays together unless it is large, or transforming it takes its time.
func TestBatchesAreDividedBetweenLanes(t *testing.T) {
	asItIs := goatee.TransformFunc(func(_ context.Context, _ *goatee.Change, a []goatee.Action) ([]goatee.Action, error) { return a, nil })
	slow := goatee.TransformFunc(func(_ context.Context, _ *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
		time.Sleep(time.Millisecond)
		return a, nil
	})
	for name, tt := range map[string]struct {
		changes, bytes int
		budget         int64 // default 16 MiB
		transformer    goatee.Transformer
		want           []int // lanes of the first batch, of the second
	}{
		"a small batch":             {changes: 100, bytes: 10_000, want: []int{1, 1}},
		"one change":                {changes: 1, bytes: 16 << 20, want: []int{1, 1}},
		"a large batch":             {changes: 100, bytes: 16 << 20, want: []int{4, 4}},
		"a lane's share":            {changes: 100, bytes: 4 << 20, want: []int{1, 1}},
		"changes without documents": {changes: 4000, bytes: 1, budget: 1 << 20, want: []int{4, 4}},
		"a batch in between":        {changes: 100, bytes: 7 << 20, want: []int{2, 2}},
		"a transformer that is new": {changes: 100, bytes: 10_000, transformer: asItIs, want: []int{4, 1}},
		"a slow transformer":        {changes: 100, bytes: 10_000, transformer: slow, want: []int{4, 4}},
		"few changes for it":        {changes: 8, bytes: 10_000, transformer: slow, want: []int{4, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatch(t)
				src := &stream{name: "s", batch: tt.changes, bytes: tt.bytes, pause: time.Second}
				for i := range 2 * tt.changes {
					src.changes = append(src.changes, change(goatee.OpInsert, 1, i, 0))
				}
				opts := []goatee.Option{goatee.WithSource(src), goatee.WithSink(w), goatee.WithLanes(4)}
				if tt.budget > 0 {
					opts = append(opts, goatee.WithInFlightBytes(tt.budget))
				}
				if tt.transformer != nil {
					opts = append(opts, goatee.WithTransformer(tt.transformer))
				}
				require.NoError(t, newSyncer(t, opts...).Run(t.Context()))
				require.Equal(t, tt.want[0]+tt.want[1], len(w.writes))
				for i, ids := range w.writes {
					lanes := tt.want[0]
					if i >= lanes {
						lanes = tt.want[1]
					}
					require.InDelta(t, tt.changes/lanes, len(ids), float64(10+tt.changes/1000*50))
				}
			})
		})
	}
}

// One reply may bring more than is to be written at once.
func TestBatchLimits(t *testing.T) {
	bounded(t)
	size := len(value(1, 1))
	for name, tt := range map[string]struct{ changes, bytes, want int }{
		"changes":                     {changes: 10, bytes: 1 << 20, want: 10},
		"bytes":                       {changes: 1000, bytes: 7 * size, want: 7},
		"documents beyond every size": {changes: 1000, bytes: 1, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			src := &stream{name: "s", batch: 100}
			for i := range 100 {
				src.changes = append(src.changes, change(goatee.OpInsert, 1, i, 0))
			}
			w := newWatch(t)
			s := newSyncer(t, goatee.WithSource(src), goatee.WithSink(w), goatee.WithBatch(tt.changes, tt.bytes))
			require.NoError(t, s.Run(t.Context()))
			written := 0
			for _, ids := range w.writes {
				require.LessOrEqual(t, len(ids), tt.want)
				written += len(ids)
			}
			require.Equal(t, 100, written)
			require.Len(t, w.writes, (100+tt.want-1)/tt.want)
		})
	}
}
