package relate_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/transform"
)

func mongoFinder(t testing.TB, client *mongo.Client) transform.Finder {
	t.Helper()
	f, err := source.NewFinder(client)
	require.NoError(t, err)
	return f
}
