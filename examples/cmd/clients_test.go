package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/examples/cmd/config"
)

func TestRequestsCarryTheCredentialsOfTheSettings(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(*config.Config)
		want string
	}{
		"none":               {set: func(*config.Config) {}},
		"user and password":  {set: func(c *config.Config) { c.ElasticsearchUser, c.ElasticsearchPassword = "ann", "pass" }, want: "Basic YW5uOnBhc3M="},
		"API key as id:key":  {set: func(c *config.Config) { c.ElasticsearchAPIKey = "id:key" }, want: "APIKey aWQ6a2V5"},
		"API key in base64":  {set: func(c *config.Config) { c.ElasticsearchAPIKey = "aWQ6a2V5" }, want: "APIKey aWQ6a2V5"},
		"the key goes first": {set: func(c *config.Config) { c.ElasticsearchUser, c.ElasticsearchAPIKey = "ann", "aWQ6a2V5" }, want: "APIKey aWQ6a2V5"},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("Authorization")
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
			}))
			defer server.Close()
			c := config.Default()
			c.ElasticsearchURLs = []string{server.URL}
			test.set(&c)
			client, err := newElasticsearch(&c)
			require.NoError(t, err)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/_bulk", nil)
			require.NoError(t, err)
			res, err := client.Perform(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, test.want, got)
		})
	}
}
