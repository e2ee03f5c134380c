package sink_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

func drop(op goatee.Op, ns string, edit ...func(*goatee.Action)) goatee.Action {
	c := &goatee.Change{Op: op}
	c.Namespace.Database, c.Namespace.Collection, _ = strings.Cut(ns, ".")
	a := goatee.Action{Kind: goatee.ActionDrop, Change: c}
	for _, e := range edit {
		e(&a)
	}
	return a
}

func renamed(to string) func(*goatee.Action) {
	return func(a *goatee.Action) {
		ns, err := goatee.ParseNamespace(to)
		if err != nil {
			panic(err)
		}
		a.Change.To = &ns
	}
}

func mapped(index string) func(*goatee.Action) {
	return func(a *goatee.Action) { a.Index = index }
}

// dropCases say which indices a drop leaves of dropIndices.
var (
	dropIndices = []string{"logs", "orders-1", "shop", "shop-x.a", "shop.carts", "shop.carts.old", "shop.orders", "shop2.orders"}
	dropCases   = map[string]struct {
		drop goatee.Action
		opts []sink.Option
		gone []string
	}{
		"collection":                         {drop: drop(goatee.OpDrop, "shop.Orders"), gone: []string{"shop.orders"}},
		"collection, mapped":                 {drop: drop(goatee.OpDrop, "shop.Orders", mapped("orders-1")), gone: []string{"orders-1"}},
		"collection that never had an index": {drop: drop(goatee.OpDrop, "shop.nothing")},
		"collection whose name no index has": {drop: drop(goatee.OpDrop, "shop.a*")},
		"collections off": {
			drop: drop(goatee.OpDrop, "shop.orders"), opts: []sink.Option{sink.WithDroppedCollections(false)},
		},
		// The stream of the new name may be ahead, and has written its documents already.
		"rename, only the old name": {
			drop: drop(goatee.OpRename, "shop.orders", renamed("shop2.orders")), gone: []string{"shop.orders"},
		},
		"rename off": {
			drop: drop(goatee.OpRename, "shop.orders", renamed("shop2.orders")),
			opts: []sink.Option{sink.WithDroppedCollections(false)},
		},
		"database": {
			drop: drop(goatee.OpDropDatabase, "Shop"), gone: []string{"shop.carts", "shop.carts.old", "shop.orders"},
		},
		"database without indices": {drop: drop(goatee.OpDropDatabase, "nothing")},
		"database, mapped":         {drop: drop(goatee.OpDropDatabase, "shop", mapped("logs")), gone: []string{"logs"}},
		"databases off": {
			drop: drop(goatee.OpDropDatabase, "shop"), opts: []sink.Option{sink.WithDroppedDatabases(false)},
		},
	}
)

func remaining(all, gone []string) []string {
	var left []string
	for _, name := range all {
		if !strings.Contains(" "+strings.Join(gone, " ")+" ", " "+name+" ") {
			left = append(left, name)
		}
	}
	return left
}

func TestDropsDeleteExactlyTheirIndices(t *testing.T) {
	for name, tc := range dropCases {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			for _, name := range dropIndices {
				a := index("x", 1, bson.M{})
				a.Index = name
				require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{a}))
			}
			require.NoError(t, newBulk(t, es, tc.opts...).Write(t.Context(), []goatee.Action{tc.drop}))
			require.Equal(t, remaining(dropIndices, tc.gone), es.Indices())
		})
	}
}

func TestDropOfAnAliasIsRefused(t *testing.T) {
	es := fakees.New()
	es.Alias("shop.orders", "orders-v2")
	var batch *goatee.BatchError
	require.ErrorAs(t, newBulk(t, es).Write(t.Context(), []goatee.Action{drop(goatee.OpDrop, "shop.orders")}), &batch)
	require.Len(t, batch.Failed, 1)
	require.ErrorContains(t, batch.Failed[0], "shop.orders")
	require.ErrorContains(t, batch.Failed[0], "alias")
	require.Equal(t, []string{"orders-v2"}, es.Indices())

	require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{drop(goatee.OpDropDatabase, "shop")}))
	require.Equal(t, []string{"orders-v2"}, es.Indices(), "an alias of the database's name leads to an index that is not its own")
}

func TestDatabaseDropInChunks(t *testing.T) {
	es := fakees.New()
	for i := range 300 {
		a := index("x", 1, bson.M{})
		a.Index = fmt.Sprintf("shop.%d%s", i, strings.Repeat("x", 100))
		require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{a}))
	}
	require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{drop(goatee.OpDropDatabase, "shop")}))
	require.Empty(t, es.Indices())
	for _, r := range es.Requests() {
		require.Less(t, len(r.Path), 4096)
		require.False(t, r.Method == "DELETE" && strings.Contains(r.Path, "*"))
	}
}

func TestDropRetriesWhatPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{index("x", 1, bson.M{})}))
		es.FailNext(fakees.Fault{Status: 503}, fakees.Fault{Reset: true}, fakees.Fault{Cut: true})
		require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{
			index("y", 1, bson.M{}), drop(goatee.OpDrop, "shop.orders"),
		}))
		require.Empty(t, es.Indices())
	})
}
