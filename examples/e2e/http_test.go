package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// withHTTP adds an HTTP server, whose address it returns.
func (s settings) withHTTP(t testing.TB) (settings, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	return s.with(settings{"enable-http-server": true, "http-server-addr": address}), address
}

// httpGet returns status 0 and the error's text when nobody answers.
func httpGet(t testing.TB, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

// watchReady asks /ready as often as it can until the returned func is called, which says how often it was not 200.
func watchReady(t testing.TB, address string) (stop func() (unready []string)) {
	t.Helper()
	require.Eventually(t, func() bool { status, _ := httpGet(t, "http://"+address+"/ready"); return status == http.StatusOK }, patience, tick)
	ctx, cancel := context.WithCancel(t.Context())
	var unready []string
	var watch sync.WaitGroup
	watch.Go(func() {
		for ctx.Err() == nil {
			if status, body := httpGet(t, "http://"+address+"/ready"); status != http.StatusOK {
				unready = append(unready, body)
			}
		}
	})
	end := func() []string { cancel(); watch.Wait(); return unready }
	t.Cleanup(func() { end() })
	return end
}
