package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/internal/testservers"
)

const secret = "s3cr3t-pa55word"

// What cannot work is said at once, by the name of the key at fault and with what to do about it, and nothing is written.
func TestBadInput(t *testing.T) {
	s := newStack(t)
	standalone := testservers.MongoDB(t, testservers.Standalone())
	auth := testservers.MongoDB(t, testservers.Auth("goatee", secret+"-right"))
	locked := faultproxy.HTTP(t, s.es.url)
	locked.Handle(faultproxy.Status(http.StatusUnauthorized))
	withUser := func(uri, user string) string { return "mongodb://" + user + "@" + hostsOf(uri) }
	mapping := func(index string) settings {
		return settings{"mapping": []map[string]any{{"namespace": "shop.orders", "index": index}}}
	}
	tests := []struct {
		name     string
		settings settings
		says     []string
	}{
		{"MongoDB unreachable", settings{"mongo-url": "mongodb://goatee:" + secret + "@127.0.0.1:1"}, []string{"mongo-url", "127.0.0.1:1"}},
		{"MongoDB's name unknown", settings{"mongo-url": "mongodb://goatee:" + secret + "@no-such-host.invalid"}, []string{"mongo-url", "no-such-host.invalid"}},
		{"MongoDB URI malformed", settings{"mongo-url": "http://goatee:" + secret + "@127.0.0.1"}, []string{"mongo-url", "mongodb://"}},
		{"MongoDB URI with a bad escape", settings{"mongo-url": "mongodb://goatee:" + secret + "%zz@127.0.0.1"}, []string{"mongo-url"}},
		{"MongoDB password wrong", settings{"mongo-url": withUser(auth.URI(), "goatee:"+secret)}, []string{"mongo-url", "auth"}},
		{"MongoDB without credentials", settings{"mongo-url": "mongodb://" + hostsOf(auth.URI())}, []string{"mongo-url", "auth"}},
		{"MongoDB standalone", settings{"mongo-url": standalone.URI()}, []string{"mongo-url", "replica set"}},
		{"Elasticsearch unreachable", settings{"elasticsearch-urls": []string{"http://127.0.0.1:1"}}, []string{"elasticsearch-urls", "127.0.0.1:1"}},
		{"Elasticsearch URL malformed", settings{"elasticsearch-urls": []string{"ftp://127.0.0.1:9200"}}, []string{"elasticsearch-urls", "http://"}},
		{"Elasticsearch URL without a scheme", settings{"elasticsearch-urls": []string{"goatee:" + secret + "@127.0.0.1:9200"}}, []string{"elasticsearch-urls", "http://"}},
		{"MongoDB password not encoded", settings{"mongo-url": "mongodb://goatee:" + secret + "@" + secret + ":27017/@127.0.0.1"}, []string{"mongo-url", "percent-encode"}},
		{"Elasticsearch URL with a space", settings{"elasticsearch-urls": []string{"http://goatee:" + secret + "@127 0 0 1"}}, []string{"elasticsearch-urls"}},
		{"Elasticsearch password wrong", settings{"elasticsearch-urls": []string{locked.URL()}, "elasticsearch-user": "goatee",
			"elasticsearch-password": secret}, []string{"elasticsearch-user", "elasticsearch-password"}},
		{"direct read without a dot", settings{"direct-read-namespaces": []string{"orders"}}, []string{"direct-read-namespaces", "orders", "database.collection"}},
		{"mapping without a dot", settings{"mapping": []map[string]any{{"namespace": "orders", "index": "a"}}}, []string{"mapping", "orders"}},
		{"index with a bad character", mapping("or#ders"), []string{"mapping", "or#ders"}},
		{"index with a bad beginning", mapping("_orders"), []string{"mapping", "_orders"}},
		{"index with a comma", mapping("a,b"), []string{"mapping", "a,b"}},
		{"index too long", mapping(strings.Repeat("x", 256)), []string{"mapping", "255"}},
		{"key unknown", settings{"direct-read-namespace": []string{"shop.orders"}}, []string{"direct-read-namespace", "direct-read-namespaces"}},
		{"key of a mapping unknown", settings{"mapping": []map[string]any{{"namespace": "shop.orders", "indx": "a"}}}, []string{"indx", "index"}},
		{"key of another type", settings{"resume": "yes"}, []string{"resume"}},
		{"regular expression broken", settings{"namespace-regex": "("}, []string{"namespace-regex"}},
		{"strategy unknown", settings{"resume-strategy": 7}, []string{"resume-strategy"}},
		{"nothing to do", settings{"disable-change-events": true, "direct-read-namespaces": []string{}}, []string{"disable-change-events", "direct-read-namespaces"}},
	}
	s.fillOne(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := startDaemon(t, s.settings().with(settings{"direct-read-namespaces": s.namespaces("orders")}).with(test.settings))
			select {
			case <-d.ended:
			case <-time.After(30 * time.Second):
				t.Fatal("it does not end")
			}
			require.Equal(t, 1, d.cmd.ProcessState.ExitCode())
			text := d.output.String()
			for _, part := range test.says {
				require.Contains(t, text, part)
			}
			require.NotContains(t, text, secret)
			require.NotContains(t, text, "goroutine ", "a message, not a stack")
			require.Empty(t, s.es.indices(t, s.db.Name()), "nothing is written")
		})
	}
}

// fillOne makes sure that there would be something to write.
func (s *stack) fillOne(t *testing.T) {
	t.Helper()
	_, err := s.db.Collection("orders").InsertOne(t.Context(), byID("one"))
	require.NoError(t, err)
}

// hostsOf returns what follows the credentials in a connection string.
func hostsOf(uri string) string {
	rest := strings.TrimPrefix(uri, "mongodb://")
	if _, hosts, ok := strings.Cut(rest, "@"); ok {
		return hosts
	}
	return rest
}
