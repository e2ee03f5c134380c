package e2e

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// The comparison finds what is missing, what is too much and what is different, and nothing else.
func TestComparisonFindsDifferences(t *testing.T) {
	s := newStack(t)
	s.preload(t, loadOptions{collections: []string{"orders"}, ids: 280})
	s.copy(t, "orders")
	index := s.index("orders")
	want, err := comparison{stack: s}.expected(t, s.db.Collection("orders"))
	require.NoError(t, err)
	require.Len(t, want, 140)
	require.Empty(t, s.differing(t, index, want))

	s.es.must(t, "DELETE", "/"+index+"/_doc/true", "")
	s.es.must(t, "PUT", "/"+index+"/_doc/too-much", "{}")
	s.es.must(t, "POST", "/"+index+"/_update/3.5", `{"doc":{"n":-7}}`)
	require.Equal(t, []string{"3.5", "too-much", "true"}, s.differing(t, index, want))
	c := comparison{stack: s, except: map[string]bool{"too-much": true}}
	ids, err := c.differing(index, want)
	require.NoError(t, err)
	require.Equal(t, []string{"3.5", "true"}, ids)
	require.Contains(t, c.explain(t, "orders", index, ids, want), `"n":whole -7`)
}

func (s *stack) differing(t *testing.T, index string, want map[string]expected) []string {
	t.Helper()
	ids, err := comparison{stack: s}.differing(index, want)
	require.NoError(t, err)
	return ids
}

// copy indexes a collection by the tests' own rules.
func (s *stack) copy(t *testing.T, collection string) {
	t.Helper()
	cursor, err := s.db.Collection(collection).Find(t.Context(), bson.D{})
	require.NoError(t, err)
	var docs []bson.D
	require.NoError(t, cursor.All(t.Context(), &docs))
	for _, doc := range docs {
		source, err := json.Marshal(expectSource(doc))
		require.NoError(t, err)
		path := fmt.Sprintf("/%s/_doc/%s", s.index(collection), url.PathEscape(expectID(doc[0].Value)))
		s.es.must(t, "PUT", path, string(source))
	}
}
