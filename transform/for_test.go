package transform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

func TestForChoosesNamespaces(t *testing.T) {
	mark := transform.Pipeline("hit")
	for name, test := range map[string]struct {
		tr   goatee.Transformer
		hits []string
	}{
		"exact":               {transform.For("shop.orders", mark), []string{"shop.orders"}},
		"collection with dot": {transform.For("shop.orders.old", mark), []string{"shop.orders.old"}},
		"database":            {transform.For("shop", mark), []string{"shop.orders", "shop.orders.old"}},
		"pattern":             {transform.ForPattern(`shop.*\.orders`, mark), []string{"shop.orders", "shop2.orders"}},
		"pattern is whole":    {transform.ForPattern(`orders|shop\.o`, mark), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []*goatee.Change
			for _, ns := range []string{"shop.orders", "shop.orders.old", "shop2.orders", "shopping.list"} {
				changes = append(changes, goateetest.Insert(ns, `{"_id": 1}`))
			}
			for range 2 { // the second time decisions are remembered
				var hits []string
				for _, it := range run(t, test.tr, changes...) {
					if it.Actions[0].Pipeline != "" {
						hits = append(hits, it.Change.Namespace.String())
					}
				}
				require.Equal(t, test.hits, hits)
			}
			for _, c := range changes {
				single, err := test.tr.Transform(t.Context(), c, []goatee.Action{{Change: c}})
				require.NoError(t, err)
				batch := run(t, test.tr, c)
				require.Equal(t, batch[0].Actions[0].Pipeline, single[0].Pipeline)
			}
		})
	}
}
