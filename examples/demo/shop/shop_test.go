package shop_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/examples/demo/shop"
)

func TestTheSameNumberGivesTheSameDocument(t *testing.T) {
	for k, c := range shop.Collections(1000) {
		again := shop.Collections(1000)[k]
		for _, i := range []int{0, 1, c.Count - 1} {
			require.Equal(t, c.Document(i), again.Document(i))
		}
		require.NotEqual(t, c.Document(0), c.Document(1))
	}
}

func TestIDsAreUnique(t *testing.T) {
	for _, c := range shop.Collections(3000) {
		seen := map[any]bool{}
		for i := range c.Count {
			id := c.Document(i)[0].Value
			require.False(t, seen[id], "%s %v", c.Name, id)
			seen[id] = true
		}
	}
}

func TestTheCountsAddUp(t *testing.T) {
	for _, total := range []int{10, 999, 50_000} {
		sum := 0
		for _, c := range shop.Collections(total) {
			sum += c.Count
		}
		require.Equal(t, total, sum)
	}
}

func TestEveryOrderRefersToWhatThereIs(t *testing.T) {
	ids := map[any]bool{}
	all := shop.Collections(300)
	for _, c := range all[:2] {
		for i := range c.Count {
			ids[c.Document(i)[0].Value] = true
		}
	}
	for i := range all[2].Count {
		order := all[2].Document(i)
		require.True(t, ids[field(order, "customer")])
		for _, line := range field(order, "lines").(bson.A) {
			require.True(t, ids[field(line.(bson.D), "sku")])
		}
	}
}

func field(doc bson.D, name string) any {
	for _, e := range doc {
		if e.Key == name {
			return e.Value
		}
	}
	return nil
}
