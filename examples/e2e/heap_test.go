package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
)

// What the library keeps in memory is bounded by its budget and a few replies, whether documents are small or as large
// as MongoDB lets them be, while they are read directly and followed, and while Elasticsearch is away.
func TestHeapIsBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		size, documents int
		away, catchUp   uint64 // MiB reachable while Elasticsearch is away, and while catching up afterwards
	}{
		"documents of 200 bytes": {size: 140, documents: 120_000, away: 50, catchUp: 80},
		"documents of 15 MB":     {size: 15 << 20, documents: 8, away: 120, catchUp: 160},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			text := strings.Repeat("0123456789", tt.size/10)
			document := func(i int) bson.D {
				return bson.D{{Key: "n", Value: int32(i)}, {Key: "text", Value: text}}
			}
			s.insertMany(t, "read", 0, tt.documents, document)
			es := newAwayElastic(t)
			before := reachable()
			syncer := es.follow(t, s, "read", func() { s.insertMany(t, "followed", 0, tt.documents, document) })

			for last := int64(-1); ; time.Sleep(5 * tick) { // nothing more is read because nothing can be written
				read := read(syncer)
				if read == last && es.refused.Load() > 0 {
					break
				}
				last = read
			}
			require.Less(t, read(syncer), int64(2*tt.documents), "or there is nothing to hold back")
			away := reachable() - before
			require.Less(t, away>>20, tt.away, "MiB reachable while Elasticsearch is away")

			es.away.Store(false)
			var most uint64
			for syncer.Stats().Applied < int64(2*tt.documents) {
				most = max(most, marked())
				time.Sleep(tick / 10)
			}
			catchUp := max(most, before) - before
			require.Less(t, catchUp>>20, tt.catchUp, "MiB reachable while catching up")
			t.Logf("%d MiB reachable while away, at most %d while catching up", away>>20, catchUp>>20)
		})
	}
}

// reachable collects garbage and returns the bytes of the heap that remain.
func reachable() uint64 {
	runtime.GC()
	runtime.GC() // what pools have kept goes with the second
	return marked()
}

// marked returns the bytes of the heap that the last collection found in use. How much garbage lies beside them is
// decided by the collector's pace and by how busy the machine is, not by goatee.
func marked() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func read(s *goatee.Syncer) (n int64) {
	for _, src := range s.Stats().Sources {
		n += src.Read
	}
	return n
}

// awayElastic takes every bulk request, or none while it is away. A real one would keep the documents in memory.
type awayElastic struct {
	url     string
	away    atomic.Bool
	refused atomic.Int64
}

func newAwayElastic(t *testing.T) *awayElastic {
	es := &awayElastic{}
	es.away.Store(true)
	server := httptest.NewServer(es)
	t.Cleanup(server.Close)
	es.url = server.URL
	return es
}

// ServeHTTP answers as an Elasticsearch does, as far as goatee looks.
func (es *awayElastic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch {
	case r.URL.Path == "/":
		_, _ = io.WriteString(w, `{"version":{"number":"7.17.0"}}`)
	case es.away.Load():
		es.refused.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		_, _ = io.WriteString(w, `{"took":1,"errors":false}`)
	}
}

// follow runs goatee over a collection and the whole database until the test ends. It calls write when the stream has
// begun.
func (es *awayElastic) follow(t *testing.T, s *stack, collection string, write func()) *goatee.Syncer {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{es.url}, DisableRetry: true, Transport: sink.Transport(transport),
	})
	require.NoError(t, err)
	bulk, err := sink.NewBulk(client)
	require.NoError(t, err)
	direct, err := source.NewDirectRead(s.client, s.db.Name()+"."+collection)
	require.NoError(t, err)
	stream, err := source.NewChangeStream(s.client, s.db.Name())
	require.NoError(t, err)
	started := make(chan struct{}, 2)
	syncer, err := goatee.New(goatee.WithSource(direct), goatee.WithSource(stream), goatee.WithSink(bulk),
		goatee.WithObserver(goatee.Observer{SourceStarted: func(goatee.SourceInfo) { started <- struct{}{} }}))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- syncer.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	for range 2 {
		<-started
	}
	write()
	return syncer
}
