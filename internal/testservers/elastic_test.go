package testservers_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestSharedElasticsearchIndexes(t *testing.T) {
	e := testservers.Elasticsearch(t)
	client := e.Client(t)
	index := testservers.UniqueName(t)
	e.DropIndices(t, index)
	resp, err := client.Index(index, strings.NewReader(`{"a":1}`), client.Index.WithDocumentID("1"))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusCreated, resp.StatusCode)
}

func TestElasticsearchKeepsDataOverRestarts(t *testing.T) {
	e := testservers.Elasticsearch(t, testservers.Dedicated())
	client := e.Client(t)
	resp, err := client.Index("i", strings.NewReader(`{"a":1}`), client.Index.WithDocumentID("1"))
	require.NoError(t, err)
	resp.Body.Close()
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
			require.NoError(t, err)
			defer resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
		})
	}
}
