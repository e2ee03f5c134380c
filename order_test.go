package goatee_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

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

// Each lane makes a request of its own: small batches are not worth several, unless a transformer may be slow.
func TestBatchesAreDividedBetweenLanes(t *testing.T) {
	asItIs := goatee.TransformFunc(func(_ context.Context, _ *goatee.Change, a []goatee.Action) ([]goatee.Action, error) { return a, nil })
	for name, tt := range map[string]struct {
		changes, bytes int
		opts           []goatee.Option
		want           int // writes
	}{
		"a small batch":         {changes: 100, bytes: 10_000, want: 1},
		"one change":            {changes: 1, bytes: 16 << 20, want: 1},
		"a large batch":         {changes: 100, bytes: 16 << 20, want: 4},
		"a lane's share":        {changes: 100, bytes: 4 << 20, want: 1},
		"a batch in between":    {changes: 100, bytes: 7 << 20, want: 2},
		"a small batch to edit": {changes: 100, bytes: 10_000, opts: []goatee.Option{goatee.WithTransformer(asItIs)}, want: 4},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []goatee.Change
			for i := range tt.changes {
				changes = append(changes, change(goatee.OpInsert, 1, i, 0))
			}
			w := newWatch(t)
			src := &stream{name: "s", changes: changes, batch: tt.changes, bytes: tt.bytes}
			s := newSyncer(t, append(tt.opts, goatee.WithSource(src), goatee.WithSink(w), goatee.WithLanes(4))...)
			require.NoError(t, s.Run(t.Context()))
			require.Len(t, w.writes, tt.want)
			for _, ids := range w.writes {
				require.InDelta(t, tt.changes/tt.want, len(ids), 10)
			}
		})
	}
}
