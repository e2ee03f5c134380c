package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/testservers"
)

// The README shows func run as it stands in main.go, which the compiler has seen.
func TestReadmeShowsThisProgram(t *testing.T) {
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, function, found := strings.Cut(string(source), "\nfunc run")
	require.True(t, found)
	require.Contains(t, string(readme), "func run"+strings.TrimRight(function, "\n"), "copy func run from main.go into the README")
}

// What is there arrives, so does what changes, and a restart does not read everything again.
func TestQuickstart(t *testing.T) {
	server, es := testservers.MongoDB(t, testservers.Dedicated()), testservers.Elasticsearch(t, testservers.Dedicated())
	client := server.Client(t)
	orders := client.Database("shop").Collection("orders")
	_, err := orders.InsertOne(t.Context(), bson.D{{Key: "_id", Value: "before"}, {Key: "card", Value: "4111"}, {Key: "n", Value: 1}})
	require.NoError(t, err)
	for _, id := range []string{"first", "second"} {
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, server.URI(), es.URL()) }()
		requireDocument(t, es.URL(), "before")
		_, err = orders.InsertOne(t.Context(), bson.D{{Key: "_id", Value: id}})
		require.NoError(t, err)
		requireDocument(t, es.URL(), id)
		stop()
		require.NoError(t, <-ended)
	}
	complete, err := client.Database("goatee").Collection("directreads").CountDocuments(t.Context(), bson.D{{Key: "ns", Value: "shop.orders"}})
	require.NoError(t, err)
	require.Equal(t, int64(1), complete, "the read is remembered")
}

func requireDocument(t *testing.T, url, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		res, err := http.Get(url + "/shop.orders/_doc/" + id)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return err == nil && gjson.GetBytes(body, "found").Bool() && !gjson.GetBytes(body, "_source.card").Exists()
	}, time.Minute, 50*time.Millisecond, "%s does not arrive", id)
}
