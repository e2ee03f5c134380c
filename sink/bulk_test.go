package sink_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var shop = goatee.Namespace{Database: "shop", Collection: "Orders"}

// change returns a change of shop.Orders.
func change(op goatee.Op, id any, at uint32, doc any) *goatee.Change {
	c := &goatee.Change{Op: op, Namespace: shop, ClusterTime: primitive.Timestamp{T: 1, I: at}}
	typ, value, err := bson.MarshalValue(id)
	if err != nil {
		panic(err)
	}
	c.ID = bson.RawValue{Type: typ, Value: value}
	if doc != nil {
		raw, err := bson.Marshal(doc)
		if err != nil {
			panic(err)
		}
		c.Document = goatee.NewDocument(raw)
	}
	return c
}

func index(id any, at uint32, doc any) goatee.Action {
	return goatee.Action{Change: change(goatee.OpInsert, id, at, doc)}
}

func remove(id any, at uint32) goatee.Action {
	return goatee.Action{Kind: goatee.ActionDelete, Change: change(goatee.OpDelete, id, at, nil)}
}

func version(at uint32) string { return fmt.Sprint(1<<32 | int64(at)) }

func newBulk(t *testing.T, client sink.Client, opts ...sink.Option) *sink.Bulk {
	t.Helper()
	b, err := sink.NewBulk(client, opts...)
	require.NoError(t, err)
	return b
}

func TestBodies(t *testing.T) {
	type M = bson.M
	decoded := index("m", 1, bson.D{{Key: "_id", Value: "m"}, {Key: "a", Value: 1.0}})
	m, err := decoded.Body().Map()
	require.NoError(t, err)
	m["b"] = `x"y`
	for name, tc := range map[string]struct {
		action goatee.Action
		opts   []sink.Option
		want   string
	}{
		"untouched index": {
			action: index("a", 7, bson.D{{Key: "_id", Value: "a"}, {Key: "n", Value: 30.0}, {Key: "_x", Value: int32(1)}}),
			want: `{"index":{"_index":"shop.orders","_id":"a","version":` + version(7) + `,"version_type":"external_gte"}}` +
				"\n" + `{"n":30.0,"_x":1}` + "\n",
		},
		"decoded": {
			action: decoded,
			want: `{"index":{"_index":"shop.orders","_id":"m","version":` + version(1) + `,"version_type":"external_gte"}}` +
				"\n" + `{"a":1.0,"b":"x\"y"}` + "\n",
		},
		"delete": {
			action: remove(int32(5), 2),
			want: `{"delete":{"_index":"shop.orders","_id":"5","version":` + version(2) + `,"version_type":"external_gte"}}` +
				"\n",
		},
		"everything set": {
			action: goatee.Action{
				Change: change(goatee.OpUpdate, "a", 1, M{"x": 1}), Index: "I-1", ID: `q"`, Routing: "r\u2028\n",
				Version: 9, VersionType: goatee.VersionExternal, Pipeline: "p", RetryOnConflict: 3,
			},
			want: `{"index":{"_index":"I-1","_id":"q\"","routing":"r\u2028\n","version":9,"version_type":"external","pipeline":"p"}}` +
				"\n" + `{"x":1}` + "\n",
		},
		"internal version": {
			action: goatee.Action{Change: change(goatee.OpInsert, "a", 1, M{"x": 1}), VersionType: goatee.VersionInternal},
			want:   `{"index":{"_index":"shop.orders","_id":"a"}}` + "\n" + `{"x":1}` + "\n",
		},
		"update carries no version": {
			action: goatee.Action{
				Kind: goatee.ActionUpdate, Change: change(goatee.OpUpdate, "a", 1, M{"x": 1}), RetryOnConflict: 3, Version: 4,
			},
			want: `{"update":{"_index":"shop.orders","_id":"a","retry_on_conflict":3}}` + "\n" +
				`{"doc":{"x":1},"doc_as_upsert":true}` + "\n",
		},
		"create carries no version": {
			action: goatee.Action{Kind: goatee.ActionCreate, Change: change(goatee.OpInsert, "a", 1, M{"x": 1})},
			want:   `{"create":{"_index":"shop.orders","_id":"a"}}` + "\n" + `{"x":1}` + "\n",
		},
		"short doubles, strings for decimals": {
			action: index("a", 0, bson.D{{Key: "n", Value: 30.0}}),
			opts:   []sink.Option{sink.WithShortDoubles(true)},
			want: `{"index":{"_index":"shop.orders","_id":"a","version":` + version(0) + `,"version_type":"external_gte"}}` +
				"\n" + `{"n":30}` + "\n",
		},
		"odd id": {
			action: index("\x7f \u00e9<>\"\\\t", 0, M{"x": 1}),
			want: `{"index":{"_index":"shop.orders","_id":"` + "\x7f" + ` ` + "\u00e9" + `\u003c\u003e\"\\\t","version":` + version(0) +
				`,"version_type":"external_gte"}}` + "\n" + `{"x":1}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			require.NoError(t, newBulk(t, es, tc.opts...).Write(t.Context(), []goatee.Action{tc.action}))
			require.Len(t, es.Bulks(), 1)
			require.Equal(t, tc.want, es.Bulks()[0].Body)
		})
	}
}

func TestStatusOfPlainWrites(t *testing.T) {
	es := fakees.New()
	b := newBulk(t, es)
	require.NoError(t, b.Check(t.Context()))
	require.NoError(t, b.Write(t.Context(), []goatee.Action{
		index("a", 1, bson.M{"n": 1}), index("b", 2, bson.M{"n": 1}), remove("a", 3), remove("never", 4),
	}))
	require.NoError(t, b.Write(t.Context(), []goatee.Action{index("a", 2, bson.M{"n": 0})}), "older than the delete")
	require.Equal(t, []string{"shop.orders"}, es.Indices())
	require.Len(t, es.Docs("shop.orders"), 1)
	s := b.SinkStats()
	require.EqualValues(t, 2, s.Indexed)
	require.EqualValues(t, 2, s.Deleted)
	require.EqualValues(t, 1, s.Superseded)
	require.EqualValues(t, 2, s.Requests)
	require.Zero(t, s.Retries+s.Refused)
	require.NoError(t, b.Write(t.Context(), nil))
	require.Equal(t, http.MethodPost, es.Bulks()[0].Method)
}
