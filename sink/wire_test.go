package sink_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// wired returns a fake Elasticsearch and go-elasticsearch's client, connected by TCP.
func wired(t *testing.T, config elasticsearch.Config) (*fakees.Server, *elasticsearch.Client) {
	t.Helper()
	es := fakees.New()
	server := httptest.NewServer(es)
	t.Cleanup(server.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	config.Addresses, config.Transport = []string{server.URL}, transport
	client, err := elasticsearch.NewClient(config)
	require.NoError(t, err)
	require.NoError(t, newBulk(t, client).Check(t.Context()))
	return es, client
}

func TestFaultsOverTheWire(t *testing.T) {
	for name, config := range map[string]elasticsearch.Config{
		"client as it comes":       {},
		"client without retries":   {DisableRetry: true},
		"client that compresses":   {CompressRequestBody: true},
		"client with node retries": {MaxRetries: 5},
	} {
		t.Run(name, func(t *testing.T) {
			es, client := wired(t, config)
			es.MaxContentLength = 40_000
			b := newBulk(t, client, sink.WithBackoff(time.Millisecond, time.Millisecond))
			var wg sync.WaitGroup
			errs := make([]error, 4)
			for lane := range errs {
				wg.Go(func() {
					for n := range uint32(6) {
						es.FailNext(
							fakees.Fault{Cut: true}, fakees.Fault{Reset: true}, fakees.Fault{Status: 503}, fakees.Fault{Status: 429},
							fakees.Fault{Status: 413}, fakees.Fault{}, fakees.Fault{Reply: "<html>"},
						)
						var actions []goatee.Action
						for i := range 100 {
							text := strings.Repeat(fmt.Sprint(i%10), 1000)
							actions = append(actions, index(fmt.Sprintf("%d-%d", lane, i), n, bson.M{"n": n, "text": text}))
						}
						errs[lane] = errors.Join(errs[lane], b.Write(t.Context(), actions))
					}
				})
			}
			wg.Wait()
			require.NoError(t, errors.Join(errs...))
			docs := es.Docs("shop.orders")
			require.Len(t, docs, 400)
			for id, d := range docs {
				require.Contains(t, d.Source, `"n":5`, id)
				require.Contains(t, d.Source, strings.Repeat(id[len(id)-1:], 1000), id)
			}
		})
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	es := fakees.New()
	server := httptest.NewUnstartedServer(es)
	var mu sync.Mutex
	opened := 0
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		mu.Lock()
		defer mu.Unlock()
		opened++
		return ctx
	}
	server.Start()
	defer server.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{server.URL}, Transport: transport})
	require.NoError(t, err)
	b := newBulk(t, client, sink.WithBackoff(time.Millisecond, time.Millisecond))
	// The client's own product check does not read its answer and so loses a connection.
	require.NoError(t, b.Check(t.Context()))
	mu.Lock()
	before := opened
	mu.Unlock()
	es.FailNext(fakees.Fault{}, fakees.Fault{Status: 503, Body: strings.Repeat("x", 100_000)}, fakees.Fault{Status: 429})
	for n := range uint32(50) {
		require.NoError(t, b.Write(t.Context(), []goatee.Action{index("a", n, bson.M{"n": n})}))
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, before, opened)
}
