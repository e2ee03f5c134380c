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
	for name, size := range map[string]int{"small documents": 32 << 10, "large documents": 8 << 20} {
		t.Run(name, func(t *testing.T) { testMemory(t, size) })
	}
}

// testMemory has documents of a size read directly while as many are inserted.
func testMemory(t *testing.T, size int) {
	const bound = 200 << 20
	each := (128 << 20) / size
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
	comparison{stack: s, omit: "payload"}.require(t, "large", "small")
	require.Zero(t, d.terminate(t))
}
