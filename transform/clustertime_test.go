package transform_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

func TestClusterTimeAddsTheTimeOfTheChange(t *testing.T) {
	stamp := transform.ClusterTime("oplog_ts", "oplog_date", "2006/01/02 15:04:05")
	for name, tr := range map[string]goatee.Transformer{"raw": stamp, "decoded": transform.Chain(decode, stamp)} {
		t.Run(name, func(t *testing.T) {
			c := goateetest.Insert("shop.items", `{"_id": "x", "a": 1, "oplog_date": "its own"}`)
			c.ClusterTime = primitive.Timestamp{T: 1795356306, I: 2}
			require.Contains(t, goateetest.Actions(t, tr, c), `"oplog_ts":{"T":1795356306,"I":2}`)
			require.Contains(t, goateetest.Actions(t, tr, c), `"oplog_date":"2026/11/22 14:05:06"`)
			require.NotContains(t, goateetest.Actions(t, tr, c), "its own")
			require.NotContains(t, goateetest.Actions(t, nil, c), "oplog_ts", "the change itself stays as it was")
		})
	}
	require.NotContains(t, goateetest.Actions(t, stamp, goateetest.Delete("shop.items", 1)), "oplog_ts")
	latest, ok := stamp.(goatee.LatestOnly)
	require.True(t, ok && latest.LatestOnly())
}

func TestClusterTimeRefusesMisuse(t *testing.T) {
	for problem, tr := range map[string]goatee.Transformer{
		"path":                transform.ClusterTime("", "d", "2006"),
		"top-level field":     transform.ClusterTime("a.b", "d", "2006"),
		"both fields":         transform.ClusterTime("d", "d", "2006"),
		"the layout is empty": transform.ClusterTime("t", "d", ""),
	} {
		require.ErrorContains(t, tr.(goatee.Checker).Check(t.Context()), problem)
	}
}
