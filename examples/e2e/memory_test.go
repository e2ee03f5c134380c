package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/faultproxy"
)

// While Elasticsearch is away, goatee's memory does not grow with what MongoDB holds or with what happens there.
func TestMemoryIsBounded(t *testing.T) {
	const (
		bound = 300 << 20
		size  = 32 << 10 // of a document
		each  = 5000     // documents, read directly and again as changes: 160 MB each
	)
	s := newStack(t)
	s.es.must(t, "PUT", "/_index_template/"+s.db.Name(), `{"index_patterns":["`+s.db.Name()+`*"],
		"template":{"mappings":{"properties":{"payload":{"type":"object","enabled":false}}}}}`)
	t.Cleanup(func() { s.es.must(t, "DELETE", "/_index_template/"+s.db.Name(), "") })
	payload := bson.D{{Key: "text", Value: strings.Repeat("goatee ", size/7)}}
	large := func(i int) bson.D {
		return bson.D{{Key: "n", Value: int32(i)}, {Key: "payload", Value: payload}}
	}
	s.insertMany(t, "large", 0, each, large)

	web := faultproxy.HTTP(t, s.es.url)
	// The race detector needs several times the memory.
	d := startBinary(t, binaries.daemon(t, false), s.settings().with(settings{
		"elasticsearch-urls":     []string{web.URL()},
		"direct-read-namespaces": s.namespaces("large"),
	}))
	s.awaitChange(t, "small")
	web.Handle(faultproxy.Status(503))
	s.insertMany(t, "large", each, each, large)

	var most int64
	for began := time.Now(); time.Since(began) < 3*time.Second; time.Sleep(tick) {
		most = max(most, d.rss(t))
	}
	require.Less(t, most>>20, int64(bound>>20), "MB while Elasticsearch is away")
	web.Handle(nil)
	for s.es.count(s.index("large")) < 2*each {
		d.requireRunning(t)
		most = max(most, d.rss(t))
		time.Sleep(tick)
	}
	require.Less(t, most>>20, int64(bound>>20), "MB while catching up")
	t.Logf("at most %d MB", most>>20)
	s.requireAgreement(t, "large", "small")
	require.Zero(t, d.terminate(t))
}
