package plugin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

func run(t *testing.T, tr goatee.Transformer, changes ...*goatee.Change) []goatee.Item {
	t.Helper()
	items, err := goateetest.Run(t.Context(), tr, changes...)
	require.NoError(t, err)
	return items
}

// first is the first action of what becomes of a change.
func first(t *testing.T, tr goatee.Transformer, c *goatee.Change) goatee.Action {
	t.Helper()
	items := run(t, tr, c)
	require.NoError(t, items[0].Err)
	require.NotEmpty(t, items[0].Actions)
	return items[0].Actions[0]
}

// written is the document that is written for doc, as JSON.
func written(t *testing.T, tr goatee.Transformer, doc string) string {
	t.Helper()
	lines := strings.Split(goateetest.Actions(t, tr, goateetest.Insert("shop.orders", doc)), "\n")
	require.Len(t, lines, 3)
	return lines[1]
}

// decode is a transformer that makes later ones see a decoded document.
var decode = transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { return m, nil })
