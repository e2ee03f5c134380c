package transform_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

type order struct {
	ID    int      `bson:"_id"`
	Total float64  `bson:"total"`
	Tags  []string `bson:"tags,omitempty"`
}

func TestTyped(t *testing.T) {
	tr := transform.Typed(func(_ context.Context, o order) (any, error) {
		if o.Total < 0 {
			return nil, errors.New("negative total")
		}
		o.Total *= 2
		return &o, nil
	})
	require.Equal(t, `{"total":7.0,"tags":["x"]}`, written(t, tr, `{"_id": 1, "total": 3.5, "tags": ["x"]}`))
	require.Error(t, run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1, "total": -1}`))[0].Err)
	require.Error(t, run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1, "total": "much"}`))[0].Err)
}

func TestDocLeavesTheChangeAsItWas(t *testing.T) {
	tr := transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) {
		m["sub"].(bson.M)["a"] = "edited"
		return m, nil
	})
	items := run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1, "sub": {"a": 1}}`))
	require.Equal(t, `{"sub":{"a":1}}`, lineOf(t, items[0].Change))
}
