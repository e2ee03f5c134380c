package goatee

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClaims(t *testing.T) {
	r := new(routes)
	const doc, other = 7, 8
	require.Equal(t, 3, r.claim(doc, 3))
	require.Equal(t, 3, r.claim(doc, 1), "the document is in lane 3")
	require.Equal(t, 3, r.claim(doc+routeSlots, 1), "a document in its slot goes along")
	require.Equal(t, 1, r.claim(other, 1))
	r.release(doc)
	r.release(doc + routeSlots)
	require.Equal(t, 3, r.claim(doc, 2), "one change is still in lane 3")
	r.release(doc)
	r.release(doc)
	require.Equal(t, mostLanes-1, r.claim(doc, mostLanes-1), "the document is in no lane")
	require.Equal(t, mostLanes-1, r.claim(doc, 0))
}

// Whatever becomes of a change: when it is settled, its document is free.
func TestEveryClaimIsReleased(t *testing.T) {
	src := sourceFunc{"s", func(ctx context.Context, emit EmitFunc) error {
		for i := range uint32(100) {
			changes := []Change{*testChange(t, OpDelete, int32(i%3), i), *testChange(t, OpInsert, int32(i%3), i), *testChange(t, OpUpdate, "x", i)}
			if err := emit(ctx, &Batch{Changes: changes}); err != nil {
				return err
			}
			if err := emit(ctx, &Batch{Changes: []Change{{Op: OpDrop, Namespace: Namespace{"shop", "old"}}}}); err != nil {
				return err
			}
		}
		return nil
	}}
	failing := TransformFunc(func(_ context.Context, c *Change, a []Action) ([]Action, error) {
		if id, _ := c.ID.AsInt64OK(); id == 1 {
			return nil, errors.New("no")
		}
		return a, nil
	})
	sink := sinkFunc(func(context.Context, []Action) error { return nil })
	s, err := New(WithSource(src), WithSink(sink), WithTransformer(failing),
		WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	p := testPipeline(s)
	require.NoError(t, p.restore())
	require.ErrorIs(t, p.run(t.Context()), ErrRefused)
	require.Equal(t, int64(400), p.counts.applied.Load())
	for i := range p.routes.slots {
		require.Zero(t, p.routes.slots[i].Load()>>laneBits)
	}
	for _, l := range p.lanes {
		require.Zero(t, l.load.Load())
	}
}
