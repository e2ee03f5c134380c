package bulk_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

func change(id any, doc any) *goatee.Change {
	typ, value, err := bson.MarshalValue(id)
	if err != nil {
		panic(err)
	}
	c := &goatee.Change{
		Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "Shop", Collection: "Orders"},
		ClusterTime: primitive.Timestamp{T: 1, I: 2}, ID: bson.RawValue{Type: typ, Value: value},
	}
	if doc != nil {
		raw, err := bson.Marshal(doc)
		if err != nil {
			panic(err)
		}
		c.Document = goatee.NewDocument(raw)
	}
	return c
}

func TestAppendSaysWhereTheIdentityIs(t *testing.T) {
	e := bulk.NewEncoder(bulk.Options{}, nil)
	body := []byte("before\n")
	body, id, err := e.Append(body, &goatee.Action{Change: change("a", bson.M{"n": 1}), Routing: "r"})
	require.NoError(t, err)
	require.Equal(t, "before\n"+
		`{"index":{"_index":"shop.orders","_id":"a","routing":"r","version":4294967298,"version_type":"external_gte"}}`+"\n"+
		`{"n":1}`+"\n", string(body))
	require.Equal(t, `"_index":"shop.orders","_id":"a","routing":"r"`, string(body[7+id.From:7+id.To]))
}

func TestAppendKeepsTheBodyAndTheActionOnAnError(t *testing.T) {
	e := bulk.NewEncoder(bulk.Options{}, nil)
	for _, a := range []goatee.Action{
		{}, {Change: change("a", nil)}, {Kind: goatee.ActionDrop, Change: change("a", nil)}, {Change: change("", bson.M{})},
	} {
		body, _, err := e.Append([]byte("before"), &a)
		require.Error(t, err)
		require.Equal(t, "before", string(body))
	}
	a := goatee.Action{Change: change("a", bson.M{"n": 1})}
	_, _, err := e.Append(nil, &a)
	require.NoError(t, err)
	require.True(t, a.Document.IsZero(), "the action is the caller's")
}

func TestTarget(t *testing.T) {
	e := bulk.NewEncoder(bulk.Options{}, nil)
	noID := change("a", nil)
	noID.ID = bson.RawValue{}
	long := strings.Repeat("x", bulk.MaxID+1)
	database := &goatee.Change{Op: goatee.OpDropDatabase, Namespace: goatee.Namespace{Database: "Shop"}}
	for name, tc := range map[string]struct {
		action     goatee.Action
		want       goatee.Target
		err        string
		impossible bool
	}{
		"default":          {action: goatee.Action{Change: change(7, nil)}, want: goatee.Target{Index: "shop.orders", ID: "7"}},
		"everything set":   {action: goatee.Action{Change: change(7, nil), Index: "i", ID: "x", Routing: "r"}, want: goatee.Target{Index: "i", ID: "x", Routing: "r"}},
		"drop":             {action: goatee.Action{Kind: goatee.ActionDrop, Change: noID}, want: goatee.Target{Index: "shop.orders"}},
		"drop of database": {action: goatee.Action{Kind: goatee.ActionDrop, Change: database}, want: goatee.Target{Index: "shop.*"}},
		"no change":        {action: goatee.Action{ID: "x"}, want: goatee.Target{ID: "x"}, err: "has no Change"},
		"no id":            {action: goatee.Action{Change: noID}, want: goatee.Target{Index: "shop.orders"}, err: "no id"},
		"long id":          {action: goatee.Action{Change: change(long, nil)}, want: goatee.Target{Index: "shop.orders", ID: long}, err: "512", impossible: true},
		"no such index":    {action: goatee.Action{Change: change(7, nil), Index: "a b"}, want: goatee.Target{Index: "a b", ID: "7"}, err: "must not contain", impossible: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := e.Target(&tc.action)
			require.Equal(t, tc.want, got)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
			if tc.impossible {
				require.ErrorIs(t, err, bulk.ErrNoSuchPlace)
			} else {
				require.NotErrorIs(t, err, bulk.ErrNoSuchPlace)
			}
			if tc.action.Kind != goatee.ActionDrop {
				_, _, appended := e.Append(nil, &tc.action)
				require.Equal(t, appended.Error(), err.Error())
			}
		})
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	e := bulk.NewEncoder(bulk.Options{}, nil)
	a := goatee.Action{Change: change(primitive.NewObjectID(), bson.M{"n": 1, "s": "text"})}
	body := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, _, err := e.Append(body, &a); err != nil {
			t.Fatal(err)
		}
	}))
}
