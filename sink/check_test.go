package sink_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// The client of go-elasticsearch is what users have.
var _ sink.Client = (*elasticsearch.Client)(nil)

func TestCheckNamesTheSetting(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   fakees.Fault
		setting string
		says    string
	}{
		"unreachable": {fakees.Fault{Reset: true}, sink.SettingAddress, "cannot be reached"},
		"hangs":       {fakees.Fault{Delay: time.Hour}, sink.SettingAddress, "no answer in time"},
		"wrong user":  {fakees.Fault{Status: 401}, sink.SettingCredentials, "password"},
		"no rights":   {fakees.Fault{Status: 403}, sink.SettingCredentials, "monitor"},
		"not ready":   {fakees.Fault{Status: 503}, sink.SettingAddress, "not ready"},
		"other":       {fakees.Fault{Reply: "<html>hello"}, sink.SettingAddress, "not Elasticsearch"},
		"too old":     {fakees.Fault{Reply: `{"version":{"number":"6.8.23"}}`}, sink.SettingAddress, "too old"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				for range 20 {
					es.FailNext(tc.fault)
				}
				start := time.Now()
				var config *goatee.ConfigError
				require.ErrorAs(t, newBulk(t, es).Check(t.Context()), &config)
				require.Equal(t, tc.setting, config.Setting)
				require.ErrorContains(t, config, tc.says)
				require.NotEmpty(t, config.Remedy)
				require.LessOrEqual(t, time.Since(start), 10*time.Second)
			})
		})
	}
}

// Any node will do: the client asks another one each time.
func TestCheckTriesOtherNodes(t *testing.T) {
	for name, faults := range map[string][]fakees.Fault{
		"one is down":            {{Reset: true}},
		"all but one are down":   {{Reset: true}, {Reset: true}, {Reset: true}, {Reset: true}},
		"one hangs":              {{Delay: time.Hour}},
		"one is not ready":       {{Status: 503}},
		"a proxy finds no node":  {{Status: 502, Body: "<html>"}},
		"one hangs, one is down": {{Delay: time.Hour}, {Reset: true}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				es.FailNext(faults...)
				require.NoError(t, newBulk(t, es).Check(t.Context()))
			})
		})
	}
}

func TestCheckThroughTheClientStartsWithAnyLivingNode(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	alive := httptest.NewServer(fakees.New())
	defer alive.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	for _, addresses := range [][]string{
		{dead.URL, alive.URL}, {alive.URL, dead.URL}, {dead.URL, dead.URL, alive.URL},
	} {
		client, err := elasticsearch.NewClient(elasticsearch.Config{
			Addresses: addresses, Transport: transport, DisableRetry: true,
		})
		require.NoError(t, err)
		require.NoError(t, newBulk(t, client).Check(t.Context()))
	}
}

func TestCheckAcceptsWhatItCanWriteTo(t *testing.T) {
	for name, reply := range map[string]string{
		"7":            `{"version":{"number":"7.0.0"}}`,
		"8":            `{"version":{"number":"8.19.0"}}`,
		"OpenSearch 1": `{"version":{"distribution":"opensearch","number":"1.3.0"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			es.FailNext(fakees.Fault{Reply: reply})
			require.NoError(t, newBulk(t, es).Check(t.Context()))
		})
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, newBulk(t, fakees.New()).Check(ctx), context.Canceled)
}

func TestCheckThroughTheClientShowsNoCredentials(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	address := s.Listener.Addr().String()
	s.Close()
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{"http://me:secret@" + address}})
	require.NoError(t, err)
	err = newBulk(t, client).Check(t.Context())
	require.ErrorContains(t, err, sink.SettingAddress)
	require.NotContains(t, err.Error(), "secret")
}

func TestTransportSatisfiesTheClientsOwnCheck(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"version":{"distribution":"opensearch","number":"2.19.0"}}`))
	}))
	defer s.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	for _, tc := range []struct {
		transport http.RoundTripper
		ok        bool
	}{{transport, false}, {sink.Transport(transport), true}} {
		client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{s.URL}, Transport: tc.transport})
		require.NoError(t, err)
		err = newBulk(t, client).Check(t.Context())
		if tc.ok {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "sink.Transport")
		}
	}
}
