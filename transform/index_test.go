package transform_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

func asUpdate(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
	a.Kind = goatee.ActionUpdate
	return nil
}

func TestIndexRules(t *testing.T) {
	tr := transform.Index(
		transform.Pattern(`shop_(.*)\.orders`, "Orders-$1"),
		transform.Pattern(`(?P<db>crm)\.(?P<coll>.*)`, "${coll}-of-${db}"),
		transform.Pattern(`shop_.*\..*`, "shops"),
		transform.Exact("shop_eu.orders", "EU"),
	)
	for ns, want := range map[string]string{
		"shop_eu.orders": "eu", // exact rules first
		"shop_US.orders": "orders-us",
		"shop_us.carts":  "shops",
		"crm.people":     "people-of-crm",
		"blog.posts":     "", // the default
		"myshop_eu.x":    "",
	} {
		for range 2 {
			require.Equal(t, want, first(t, tr, goateetest.Insert(ns, `{"_id": 1}`)).Index, ns)
			require.Equal(t, want, first(t, tr, goateetest.Delete(ns, 1)).Index, ns)
		}
	}
	own := transform.Edit(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error { a.Index = "own"; return nil })
	require.Equal(t, "own", first(t, transform.Chain(own, tr), goateetest.Insert("crm.people", `{"_id": 1}`)).Index)
}

func TestInvalidIndexNames(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "-a", "_a", "+a", "a b", "a/b", `a\b`, "a*", "a?", `a"`, "a<", "a>", "a|", "a,b", "a#b", "a:b", "a\n",
		strings.Repeat("a", 256),
	} {
		tr := transform.Index(transform.Exact("shop.orders", name))
		require.Error(t, tr.(goatee.Checker).Check(t.Context()), name)
	}
	tr := transform.Index(transform.Pattern(`shop\.(.*)`, "$1"))
	require.NoError(t, tr.(goatee.Checker).Check(t.Context()))
	items := run(t, tr, goateetest.Insert("shop._bad", `{"_id": 1}`), goateetest.Insert("shop.good", `{"_id": 1}`))
	require.ErrorContains(t, items[0].Err, `"_bad"`)
	require.NoError(t, items[1].Err)
}

func TestDropsDeleteMappedIndicesUnlessTheyAreShared(t *testing.T) {
	for name, test := range map[string]struct {
		rules  []transform.IndexRule
		seen   []string // namespaces that have come before
		drop   string
		index  string
		shared string // part of the error
	}{
		"mapped":   {rules: rules(transform.Exact("a.b", "x")), drop: "a.b", index: "x"},
		"unmapped": {rules: rules(transform.Exact("a.b", "x")), drop: "a.c"},
		"two exact rules": {
			rules: rules(transform.Exact("a.b", "x"), transform.Exact("a.c", "X")), drop: "a.b", shared: "a.c",
		},
		"default name of another": {rules: rules(transform.Exact("a.b", "a.c")), seen: []string{"a.c"}, drop: "a.b", shared: "a.c"},
		"mapped onto its default": {rules: rules(transform.Exact("a.b", "a.c")), drop: "a.c", shared: "a.b"},
		"one to one pattern":      {rules: rules(transform.Pattern(`shop_(.*)\.orders`, "orders-$1")), drop: "shop_eu.orders", index: "orders-eu"},
		"many to one pattern": {
			rules: rules(transform.Pattern(`shop_.*\.orders`, "orders")), drop: "shop_eu.orders", shared: `shop_.*\.orders`,
		},
		"part of the name lost": {
			rules: rules(transform.Pattern(`(.*)\.(.*)`, "all-$2")), drop: "a.b", shared: `(.*)\.(.*)`,
		},
		"all of the name kept": {rules: rules(transform.Pattern(`(.*)\.(.*)`, "$1-$2")), drop: "a.b", index: "a-b"},
		"pattern may give an exact rule's index": {
			rules: rules(transform.Exact("a.b", "orders-x"), transform.Pattern(`shop_(.*)\.orders`, "orders-$1")),
			drop:  "a.b", shared: `shop_(.*)\.orders`,
		},
		"pattern gives other names": {
			rules: rules(transform.Exact("a.b", "x"), transform.Pattern(`shop_(.*)\.orders`, "orders-$1")), drop: "a.b", index: "x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := transform.Index(test.rules...)
			for _, ns := range test.seen {
				run(t, tr, goateetest.Insert(ns, `{"_id": 1}`))
			}
			it := run(t, tr, goateetest.Drop(test.drop))[0]
			if test.shared == "" {
				require.NoError(t, it.Err)
				require.Equal(t, goatee.ActionDrop, it.Actions[0].Kind)
				require.Equal(t, test.index, it.Actions[0].Index)
				return
			}
			var shared *transform.SharedIndexError
			require.ErrorAs(t, it.Err, &shared)
			require.ErrorContains(t, it.Err, test.shared)
			require.Equal(t, test.drop, shared.Namespace.String())
		})
	}
}

func rules(r ...transform.IndexRule) []transform.IndexRule { return r }

func TestDroppedDatabaseTakesTheIndicesOfItsCollections(t *testing.T) {
	tr := transform.Index(transform.Exact("shop.orders", "orders"), transform.Exact("shop.items", "orders"),
		transform.Exact("shop.carts", "carts"), transform.Exact("blog.posts", "posts"))
	text := goateetest.Actions(t, tr, goateetest.DropDatabase("shop"))
	require.Equal(t, `{"drop":{"_index":"shop.*"}}
{"drop":{"_index":"orders"}}
{"drop":{"_index":"carts"}}
`, text)

	shared := transform.Index(transform.Exact("shop.orders", "all"), transform.Exact("blog.posts", "all"))
	require.ErrorContains(t, run(t, shared, goateetest.DropDatabase("shop"))[0].Err, "blog.posts")
}
