package sink_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// Elasticsearch 8 wants indices to be named when they are deleted, and 7 can be told to. The drop of a database names
// them: those of its collections, and none of a database whose name starts alike. The setting concerns the whole
// cluster, so the server is the test's own.
func TestDropsNameTheirIndices(t *testing.T) {
	server := testservers.Elasticsearch(t, testservers.Settings("action.destructive_requires_name=true"))
	es := &elastic{Client: server.Client(t), t: t}
	status, _, err := es.do(t.Context(), http.MethodDelete, "/nothing*", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, status, "the server refuses patterns")

	for _, name := range []string{"shop.a", "shop.b", "shop.b.2024-05-17", "shop2.c", "shop-x.a", "shop", "log.shop.a.2024-05-17", "renamed"} {
		es.must(http.MethodPut, "/"+name, `{"settings":{"number_of_replicas":0}}`)
	}
	// An alias named like a collection leads to an index that may hold the documents of others.
	es.must(http.MethodPost, "/_aliases", `{"actions":[{"add":{"index":"renamed","alias":"shop.alias"}}]}`)
	require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{drop(goatee.OpDropDatabase, "shop")}))
	for name, there := range map[string]bool{
		"shop.a": false, "shop.b": false, "shop.b.2024-05-17": false,
		"shop2.c": true, "shop-x.a": true, "shop": true, "log.shop.a.2024-05-17": true, "renamed": true, "shop.alias": true,
	} {
		status, _, err := es.do(t.Context(), http.MethodHead, "/"+name, "")
		require.NoError(t, err)
		require.Equal(t, there, status == http.StatusOK, name)
	}
}
