package resumetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

func testNothingStored(t *testing.T, open func() goatee.PositionStore) {
	s := open()
	for _, source := range []goatee.SourceID{orders, shop, deployment, oplog, readOrders, custom} {
		requirePosition(t, s, source, goatee.Position{})
	}
}

func testKinds(t *testing.T, open func() goatee.PositionStore) {
	after := token(t, bson.D{{Key: "after", Value: bson.D{{Key: "_id", Value: int64(7)}}}})
	for source, p := range map[goatee.SourceID]goatee.Position{
		orders:         position(t, 100),
		customers:      {ClusterTime: primitive.Timestamp{T: 101, I: 7}},
		deployment:     position(t, 102),
		shop:           {Token: position(t, 103).Token, ClusterTime: primitive.Timestamp{T: 1<<32 - 1, I: 1<<32 - 1}},
		readOrders:     {Token: after, ClusterTime: primitive.Timestamp{T: 104, I: 1}},
		readViews:      {Complete: true},
		read("shop.x"): {Token: after, ClusterTime: primitive.Timestamp{T: 1, I: 1}, Complete: true},
		oplog:          {ClusterTime: primitive.Timestamp{T: 105, I: 3}},
		custom:         {Token: after},
		other("a name with \"quotes\", $ and ümlaut"): {Complete: true},
	} {
		save(t, open(), 0, source, p)
		requirePosition(t, open(), source, p)
	}
}

func testTokenBytes(t *testing.T, open func() goatee.PositionStore) {
	for name, raw := range map[string]bson.Raw{
		"change stream":    position(t, 1).Token,
		"keys unsorted":    token(t, bson.D{{Key: "b", Value: 1}, {Key: "a", Value: bson.A{1, "2", nil}}}),
		"numbers by type":  token(t, bson.D{{Key: "i", Value: int32(1)}, {Key: "l", Value: int64(1)}, {Key: "d", Value: 1.0}}),
		"binary":           token(t, bson.D{{Key: "_data", Value: primitive.Binary{Subtype: 4, Data: make([]byte, 16)}}}),
		"dollar keys":      token(t, bson.D{{Key: "id", Value: bson.D{{Key: "$oid", Value: "x"}}}}),
		"min and max keys": token(t, bson.D{{Key: "min", Value: primitive.MinKey{}}, {Key: "max", Value: primitive.MaxKey{}}}),
		"a zero byte":      token(t, bson.D{{Key: "id", Value: "a\x00b"}}),
	} {
		p := goatee.Position{Token: raw, ClusterTime: primitive.Timestamp{T: 1, I: 1}}
		for _, source := range []goatee.SourceID{orders, readOrders, custom} {
			save(t, open(), 0, source, p)
			got, err := open().Load(context.Background(), source)
			require.NoError(t, err, name)
			require.Equal(t, raw, got.Token, name)
		}
	}
}

func testSourcesApart(t *testing.T, open func() goatee.PositionStore) {
	s := open()
	sources := []goatee.SourceID{orders, customers, shop, deployment, oplog, readOrders, readViews, custom}
	for i, source := range sources {
		save(t, s, 0, source, position(t, uint32(100+i)))
	}
	for i, source := range sources {
		requirePosition(t, open(), source, position(t, uint32(100+i)))
	}
	requirePosition(t, s, read("shop.order"), goatee.Position{})
	requirePosition(t, s, other("shop.order"), goatee.Position{})
}

func testReplace(t *testing.T, open func() goatee.PositionStore) {
	s := open()
	for _, source := range []goatee.SourceID{orders, readOrders, custom} {
		for _, p := range []goatee.Position{
			position(t, 100), {ClusterTime: primitive.Timestamp{T: 90, I: 2}}, position(t, 95),
		} {
			save(t, s, 0, source, p)
			requirePosition(t, s, source, p)
		}
	}
}

func testZero(t *testing.T, open func() goatee.PositionStore) {
	for _, source := range []goatee.SourceID{readOrders, custom} {
		save(t, open(), 0, source, position(t, 100))
		save(t, open(), 0, source, goatee.Position{})
		requirePosition(t, open(), source, goatee.Position{})
	}
}

func testOthersUntouched(t *testing.T, open func() goatee.PositionStore) {
	save(t, open(), 0, orders, position(t, 100))
	save(t, open(), 0, readOrders, goatee.Position{Complete: true})
	s := open()
	save(t, s, 0, customers, position(t, 200))
	save(t, s, 0, readViews, position(t, 200))
	requirePosition(t, s, orders, position(t, 100))
	requirePosition(t, s, readOrders, goatee.Position{Complete: true})
}

func testReadAgain(t *testing.T, open func() goatee.PositionStore) {
	save(t, open(), 0, readOrders, goatee.Position{Complete: true})
	save(t, open(), 0, readViews, goatee.Position{Complete: true})
	save(t, open(), 0, readOrders, position(t, 100))
	requirePosition(t, open(), readOrders, position(t, 100))
	requirePosition(t, open(), readViews, goatee.Position{Complete: true})
}

func testMany(t *testing.T, open func() goatee.PositionStore) {
	var all []goatee.SourcePosition
	for i := range 300 {
		kind := []func(string) goatee.SourceID{stream, read, other}[i%3]
		all = append(all, goatee.SourcePosition{
			SourceID: kind(fmt.Sprintf("shop.c%d", i)), Position: position(t, uint32(1000+i)),
		})
	}
	require.NoError(t, open().Save(context.Background(), 0, all))
	s := open()
	for _, p := range all {
		requirePosition(t, s, p.SourceID, p.Position)
	}
}

func testTokenCopied(t *testing.T, open func() goatee.PositionStore) {
	s := open()
	p := position(t, 100)
	save(t, s, 0, orders, goatee.Position{Token: bytes.Clone(p.Token), ClusterTime: p.ClusterTime})
	given := position(t, 100)
	save(t, s, 0, custom, given)
	given.Token[len(given.Token)-3]++
	requirePosition(t, s, custom, p)

	loaded, err := s.Load(context.Background(), orders)
	require.NoError(t, err)
	loaded.Token[len(loaded.Token)-3]++
	requirePosition(t, s, orders, p)
}

func testEndedContext(t *testing.T, open func() goatee.PositionStore) {
	s := open()
	save(t, s, 0, orders, position(t, 100))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := s.Save(ctx, 0, []goatee.SourcePosition{{SourceID: orders, Position: position(t, 200)}})
	require.ErrorIs(t, err, context.Canceled)
	requirePosition(t, s, orders, position(t, 100))
}
