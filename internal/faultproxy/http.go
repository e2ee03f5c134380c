package faultproxy

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
)

// Handler answers a request, or hands it, perhaps changed, to next, which is the server behind the proxy.
type Handler func(w http.ResponseWriter, r *http.Request, next http.Handler)

// HTTPProxy is a reverse proxy. Its methods may be called concurrently and while requests are under way.
type HTTPProxy struct {
	server   *httptest.Server
	handler  atomic.Pointer[Handler]
	requests atomic.Int64
}

// HTTP starts a reverse proxy to target, the URL of a server, on a free port of this machine; it ends with the test.
func HTTP(t testing.TB, target string) *HTTPProxy {
	t.Helper()
	url, err := url.Parse(target)
	if err != nil {
		t.Fatalf("faultproxy: %v", err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	next := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(url) },
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	p := &HTTPProxy{}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		if handler := p.handler.Load(); handler != nil {
			(*handler)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		p.server.Close()
		transport.CloseIdleConnections()
	})
	return p
}

// URL returns the URL to connect to.
func (p *HTTPProxy) URL() string { return p.server.URL }

// Requests returns how many requests have arrived so far.
func (p *HTTPProxy) Requests() int64 { return p.requests.Load() }

// Handle has h answer all requests from now on; nil forwards them.
func (p *HTTPProxy) Handle(h Handler) {
	if h == nil {
		p.handler.Store(nil)
		return
	}
	p.handler.Store(&h)
}

// Status answers every request with an HTTP status and a body in Elasticsearch's shape.
func Status(status int) Handler {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		writeJSON(w, status, map[string]any{
			"status": status,
			"error":  map[string]any{"type": "fault", "reason": http.StatusText(status)},
		})
	}
}
