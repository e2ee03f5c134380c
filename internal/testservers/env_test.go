package testservers

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNamedServersAreUsed(t *testing.T) {
	m := MongoDB(t, Dedicated())
	t.Setenv(EnvMongoDB, m.URI())
	require.Equal(t, m.URI(), MongoDB(t).URI())

	named := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(named.Close)
	t.Setenv(EnvElasticsearch, named.URL+"/")
	require.Equal(t, named.URL, Elasticsearch(t).URL())
}

func TestNamedServerThatDoesNotAnswerIsSaid(t *testing.T) {
	t.Setenv(EnvMongoDB, "localhost")
	_, err := FindOrStartMongo(t.Context())
	require.ErrorContains(t, err, EnvMongoDB+" is malformed")

	t.Setenv(EnvElasticsearch, "http://127.0.0.1:1")
	_, err = FindOrStartElastic(t.Context())
	require.ErrorContains(t, err, "the server that "+EnvElasticsearch+" names does not answer")
}
