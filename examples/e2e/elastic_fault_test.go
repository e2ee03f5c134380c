package e2e

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// faultLoad is the load under which servers fail.
var faultLoad = loadOptions{collections: []string{"orders", "customers"}, ids: 150, pause: 3 * time.Millisecond}

// Whole requests and single items are refused, replies break off, everything is slow: nothing is lost.
func TestElasticsearchFaults(t *testing.T) {
	s := newStack(t)
	tcp := faultproxy.New(t, strings.TrimPrefix(s.es.url, "http://"))
	web := faultproxy.HTTP(t, "http://"+tcp.Addr())
	var items atomic.Int64
	busy := faultproxy.RefuseItems(http.StatusTooManyRequests, "es_rejected_execution_exception",
		func(faultproxy.BulkItem) bool { return items.Add(1)%3 == 0 })
	faults := []struct {
		name  string
		begin func()
		end   func()
	}{
		{"503", func() { web.Handle(faultproxy.Status(503)) }, func() { web.Handle(nil) }},
		{"429 for requests", func() { web.Handle(faultproxy.Status(429)) }, func() { web.Handle(nil) }},
		{"429 for items", func() { web.Handle(busy) }, func() { web.Handle(nil) }},
		{"slow", func() { tcp.Delay(150 * time.Millisecond) }, func() { tcp.Delay(0) }},
		{"silent", func() { tcp.Blackhole(true) }, func() { tcp.Blackhole(false) }},
	}
	d := startDaemon(t, s.settings().with(settings{
		"elasticsearch-urls":     []string{web.URL()},
		"direct-read-namespaces": s.namespaces(faultLoad.collections...),
	}))
	s.awaitFollowing(t, faultLoad.collections...) // a fault at the start would be the end
	l := s.startLoad(t, faultLoad)
	for _, fault := range faults {
		t.Log(fault.name)
		fault.begin()
		l.more(t, 400)
		fault.end()
		s.awaitChange(t, "orders")
		d.requireRunning(t)
	}
	l.stop(t)
	s.requireAgreement(t, faultLoad.collections...)
	require.Zero(t, d.terminate(t))
}

// The reply is lost, or the request in the middle, and with it the knowledge of what Elasticsearch has done.
func TestElasticsearchConnectionsAreCut(t *testing.T) {
	s := newStack(t)
	tcp := faultproxy.New(t, strings.TrimPrefix(s.es.url, "http://"))
	d := startDaemon(t, s.settings().with(settings{
		"elasticsearch-urls":     []string{"http://" + tcp.Addr()},
		"direct-read-namespaces": s.namespaces(faultLoad.collections...),
	}))
	s.awaitFollowing(t, faultLoad.collections...) // a fault at the start would be the end
	l := s.startLoad(t, faultLoad)
	r := dice(t, 99)
	for range 20 {
		tcp.CutAfter(r.Int64N(400), faultproxy.ToClient)
		l.more(t, 20)
		tcp.CutAfter(r.Int64N(4000), faultproxy.ToServer)
		l.more(t, 20)
		tcp.Cut()
	}
	tcp.CutAfter(-1, faultproxy.ToClient)
	tcp.CutAfter(-1, faultproxy.ToServer)
	d.requireRunning(t)
	l.stop(t)
	s.requireAgreement(t, faultLoad.collections...)
	require.Zero(t, d.terminate(t))
}

// A failing Elasticsearch is asked again at a bounded rate, and the log tells when it fails and when it is back, not
// how often it was asked.
func TestElasticsearchOutageIsQuiet(t *testing.T) {
	s := newStack(t)
	web := faultproxy.HTTP(t, s.es.url)
	d := startDaemon(t, s.settings().with(settings{"elasticsearch-urls": []string{web.URL()}}))
	s.awaitFollowing(t, faultLoad.collections...)
	l := s.startLoad(t, faultLoad)

	mark := d.mark()
	web.Handle(faultproxy.Status(503))
	began, requests := time.Now(), web.Requests()
	l.more(t, 1000)
	require.Eventually(t, func() bool { return time.Since(began) > 5*time.Second }, patience, tick)
	asked := float64(web.Requests()-requests) / time.Since(began).Seconds()
	require.Less(t, asked, 40.0, "requests a second while every one fails")
	require.Len(t, d.linesSince(mark, `(?i)elasticsearch`), 1, "one line says that it fails")

	mark = d.mark()
	web.Handle(nil)
	s.awaitChange(t, "orders")
	l.stop(t)
	s.requireAgreement(t, faultLoad.collections...)
	require.Len(t, d.linesSince(mark, `(?i)elasticsearch`), 1, "one line says that it works again")
	require.Zero(t, d.terminate(t))
}

// Paused with its connections open; killed, and started again on its data.
func TestElasticsearchPausesAndDies(t *testing.T) {
	server := testservers.Elasticsearch(t, testservers.Dedicated())
	s := stackOn(t, servers.mongoDB(t), server.URL())
	d := startDaemon(t, s.settings().with(settings{
		"direct-read-namespaces": s.namespaces(faultLoad.collections...),
	}))
	l := s.startLoad(t, faultLoad)
	s.awaitChange(t, "orders")

	require.NoError(t, server.Pause())
	l.more(t, 500)
	require.NoError(t, server.Resume())
	s.awaitChange(t, "orders")

	require.NoError(t, server.Kill())
	l.more(t, 500)
	require.NoError(t, server.Start(t.Context()))
	l.stop(t)
	s.requireAgreement(t, faultLoad.collections...)
	require.Zero(t, d.terminate(t))
}
