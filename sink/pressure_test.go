package sink_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
)

// Elasticsearch answers 429 to a request that is larger than its limit for all indexing together. That one never
// passes, however long one waits.
func TestDocumentOverTheIndexingPressureLimitIsRefused(t *testing.T) {
	es := testservers.Elasticsearch(t, testservers.Settings("indexing_pressure.memory.limit=300kb"))
	big := strings.Repeat("x", 500_000)
	var actions []goatee.Action
	for i := range 40 {
		actions = append(actions, index(i, 1, bson.M{"text": big[:20_000]}))
	}
	actions[20] = index("giant", 1, bson.M{"text": big})
	var batch *goatee.BatchError
	require.ErrorAs(t, newBulk(t, es.Client(t)).Write(t.Context(), actions), &batch)
	require.Len(t, batch.Failed, 1)
	require.Equal(t, "giant", batch.Failed[0].Target.ID)
	require.Equal(t, http.StatusTooManyRequests, batch.Failed[0].Status)
	require.ErrorContains(t, batch.Failed[0], "indexing_pressure.memory.limit")
}

func TestClosedConnectionIsReportedAsThat(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer s.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{s.URL}, DisableRetry: true, Transport: sink.Transport(transport),
	})
	require.NoError(t, err)
	req, err := http.NewRequest(http.MethodPost, "/_bulk", strings.NewReader("{}"))
	require.NoError(t, err)
	_, err = client.Perform(req)
	require.ErrorContains(t, err, "the server closed the connection")
}
