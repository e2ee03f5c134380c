package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A node that is down at the start is as harmless as one that goes down later, whichever it is.
func TestANodeThatIsDownAtTheStart(t *testing.T) {
	const down = "http://127.0.0.1:1"
	s := newStack(t)
	_, err := s.db.Collection("orders").InsertOne(t.Context(), byID("one"))
	require.NoError(t, err)
	for name, urls := range map[string][]string{
		"the first":    {down, s.es.url},
		"the second":   {s.es.url, down},
		"two of three": {down, s.es.url, down},
	} {
		t.Run(name, func(t *testing.T) {
			s.es.deleteIndices(t, s.db.Name())
			d := startDaemon(t, s.settings().with(settings{
				"elasticsearch-urls": urls, "direct-read-namespaces": s.namespaces("orders"),
			}))
			s.awaitFollowing(t, "orders")
			s.requireAgreement(t, "orders")
			require.Zero(t, d.terminate(t))
		})
	}
}
