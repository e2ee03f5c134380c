package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/goateetest"
)

const products = "shop.products"

func TestWhatIsIndexedOfAProduct(t *testing.T) {
	goateetest.Golden(t, "testdata/product.ndjson", goateetest.Actions(t, searchable(), goateetest.Insert(products, `{
		"_id": "SKU-1", "name": "Amber Lantern", "category": "lighting", "tags": ["light", "garden"],
		"purchasePrice": {"$numberDecimal": "4.10"}, "supplier": {"name": "Acme", "conditions": "secret"}
	}`)))
}

func TestAProductThatIsNoLongerSoldDisappears(t *testing.T) {
	got := goateetest.Actions(t, searchable(), goateetest.Replace(products, `{"_id": "SKU-1", "discontinued": true}`))
	require.Contains(t, got, `{"delete":{`)
	require.NotContains(t, got, `{"index":{`)
}

func TestTheSameProductAlwaysGivesTheSame(t *testing.T) {
	goateetest.Deterministic(t, searchable(), goateetest.Insert(products, `{"_id": 1, "name": "x", "tags": ["b", "a"]}`))
}
