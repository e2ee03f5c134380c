package indexname_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/internal/indexname"
)

func TestCheckFollowsElasticsearch(t *testing.T) {
	for _, name := range []string{
		"a", "shop.orders", "orders-1", "a_b+c", ".hidden", "...", "größe", "Alias", strings.Repeat("x", indexname.Max),
	} {
		require.NoError(t, indexname.Check(name), name)
	}
	refused := map[string][]string{
		"must be 1 to 255 bytes": {"", strings.Repeat("x", indexname.Max+1), strings.Repeat("ö", 128)},
		"must not be a dot":      {".", ".."},
		"must not start with":    {"_a", "-a", "+a"},
		"must not contain":       {`a\b`, "a/b", "a*", "a?", `a"`, "a<b", "a>b", "a|b", "a b", "a,b", "a#b", "a:b", "a\n", "a\x7f"},
	}
	for reason, names := range refused {
		for _, name := range names {
			err := indexname.Check(name)
			require.ErrorContains(t, err, reason, name)
			require.Less(t, len(err.Error()), 1000)
		}
	}
}
