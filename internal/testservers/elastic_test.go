package testservers_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/elastic/go-elasticsearch/v7/esapi"
	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestIndicesAreDroppedAfterTheTest(t *testing.T) {
	e := testservers.Elasticsearch(t)
	prefix := testservers.UniqueName(t)
	t.Run("makes an index", func(t *testing.T) {
		e.DropIndices(t, prefix)
		require.Equal(t, http.StatusCreated, index(t, e.Client(t), prefix+".c"))
	})
	client := e.Client(t)
	resp, err := client.Indices.Exists([]string{prefix + ".c"})
	require.Equal(t, http.StatusNotFound, status(t, resp, err))
}

func TestSharedElasticsearchIsNobodysToEnd(t *testing.T) {
	e := testservers.Elasticsearch(t)
	require.ErrorIs(t, e.Kill(), testservers.ErrShared)
	require.ErrorIs(t, e.Pause(), testservers.ErrShared)
	require.NoError(t, e.Close())
	resp, err := e.Client(t).Info()
	require.Equal(t, http.StatusOK, status(t, resp, err), "closing a shared server leaves it running")
}

func TestElasticsearchHasItsPlugins(t *testing.T) {
	e := testservers.Elasticsearch(t)
	client := e.Client(t)
	name := testservers.UniqueName(t)
	e.DropIndices(t, name)
	mapping := `{"mappings":{"properties":{
		"family":{"type":"join","relations":{"parent":"child"}},
		"ratio":{"type":"scaled_float","scaling_factor":100}}}}`
	resp, err := client.Indices.Create(name, client.Indices.Create.WithBody(strings.NewReader(mapping)))
	require.Equal(t, http.StatusOK, status(t, resp, err))
	resp, err = client.DeleteByQuery([]string{name}, strings.NewReader(`{"query":{"match_all":{}}}`))
	require.Equal(t, http.StatusOK, status(t, resp, err))
}

func TestElasticsearchKeepsDataOverRestarts(t *testing.T) {
	e := testservers.Elasticsearch(t, testservers.Dedicated())
	client := e.Client(t)
	require.Equal(t, http.StatusCreated, index(t, client, "i"))
	restarts := []struct {
		name string
		end  func() error
	}{
		{"stop", e.Stop},
		{"kill", e.Kill},
	}
	for _, restart := range restarts {
		t.Run(restart.name, func(t *testing.T) {
			require.NoError(t, restart.end())
			require.NoError(t, e.Start(t.Context()))
			resp, err := client.Get("i", "1")
			require.Equal(t, http.StatusOK, status(t, resp, err))
		})
	}
}

func TestPausedElasticsearchHangsUntilResumed(t *testing.T) {
	e := testservers.Elasticsearch(t, testservers.Dedicated())
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 500 * time.Millisecond}

	require.NoError(t, e.Pause())
	_, err := client.Get(e.URL())
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout(), "the connection is accepted and nothing is answered")

	require.NoError(t, e.Resume())
	resp, err := e.Client(t).Info()
	require.Equal(t, http.StatusOK, status(t, resp, err))
}

func TestElasticsearchThatCannotStartSaysWhy(t *testing.T) {
	_, err := testservers.StartElastic(t.Context(), testservers.Settings("no.such.setting=1"))
	require.ErrorContains(t, err, "unknown setting [no.such.setting]")
}

func TestUnknownKindIsRefused(t *testing.T) {
	_, err := testservers.StartElastic(t.Context(), testservers.Kind("solr"))
	require.ErrorContains(t, err, `Kind("solr")`)
}

func index(t *testing.T, client *elasticsearch.Client, name string) int {
	resp, err := client.Index(name, strings.NewReader(`{"a":1}`), client.Index.WithDocumentID("1"))
	return status(t, resp, err)
}

func status(t *testing.T, resp *esapi.Response, err error) int {
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}
