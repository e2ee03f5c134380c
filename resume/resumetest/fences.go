package resumetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

func testStaleFence(t *testing.T, open func() goatee.PositionStore) {
	before := map[goatee.SourceID]goatee.Position{
		orders: position(t, 100), readOrders: position(t, 100), readViews: {Complete: true}, custom: position(t, 100),
		oplog: {ClusterTime: primitive.Timestamp{T: 100, I: 1}},
	}
	stale, leader := open(), open()
	for source, p := range before {
		save(t, stale, 1, source, p)
	}
	save(t, leader, 2, customers, position(t, 100))

	for _, p := range []goatee.SourcePosition{
		{SourceID: orders, Position: position(t, 200)},
		{SourceID: customers, Position: goatee.Position{ClusterTime: primitive.Timestamp{T: 50, I: 1}}},
		{SourceID: deployment, Position: position(t, 200)},
		{SourceID: readOrders, Position: goatee.Position{Complete: true}},
		{SourceID: readViews, Position: position(t, 200)},
		{SourceID: custom, Position: position(t, 200)},
		{SourceID: other("new"), Position: position(t, 200)},
	} {
		err := stale.Save(context.Background(), 1, []goatee.SourcePosition{p})
		require.ErrorIs(t, err, goatee.ErrFenced, p.Name)
	}
	for _, s := range []goatee.PositionStore{stale, leader, open()} {
		for source, p := range before {
			requirePosition(t, s, source, p)
		}
		requirePosition(t, s, customers, position(t, 100))
		requirePosition(t, s, other("new"), goatee.Position{})
	}
}

func testTakeOver(t *testing.T, open func() goatee.PositionStore) {
	first := open()
	save(t, first, 3, orders, position(t, 100))
	save(t, first, 3, orders, position(t, 101))
	second := open()
	requirePosition(t, second, orders, position(t, 101))
	save(t, second, 9, orders, position(t, 102))
	require.ErrorIs(t,
		first.Save(context.Background(), 3, []goatee.SourcePosition{{SourceID: orders, Position: position(t, 103)}}),
		goatee.ErrFenced)
	save(t, second, 9, orders, position(t, 104))
	requirePosition(t, open(), orders, position(t, 104))
}

func testNoFence(t *testing.T, open func() goatee.PositionStore) {
	s := open()
	save(t, s, 0, orders, position(t, 100))
	save(t, s, 5, orders, position(t, 101))
	save(t, s, 0, orders, position(t, 102))
	requirePosition(t, open(), orders, position(t, 102))
	require.ErrorIs(t,
		open().Save(context.Background(), 4, []goatee.SourcePosition{{SourceID: orders, Position: position(t, 103)}}),
		goatee.ErrFenced, "a save without token does not lower the newest one")
}

func testEmptySave(t *testing.T, open func() goatee.PositionStore) {
	ctx := context.Background()
	s := open()
	require.NoError(t, s.Save(ctx, 0, nil))
	require.NoError(t, s.Save(ctx, 2, nil))
	require.ErrorIs(t, s.Save(ctx, 1, nil), goatee.ErrFenced)
}
