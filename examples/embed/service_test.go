package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// found returns the ids that the service finds, in the order of their scores.
func found(t *testing.T, address, words string) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/search?q="+url.QueryEscape(words), nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return nil
	}
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	ids := []string{}
	for _, id := range gjson.GetBytes(body, "#.id").Array() {
		ids = append(ids, id.String())
	}
	return ids
}

func TestTheSearchFollowsTheCollection(t *testing.T) {
	m, e := testservers.MongoDB(t), testservers.Elasticsearch(t)
	db := m.Client(t).Database(m.UniqueDB(t))
	e.DropIndices(t, db.Name())
	t.Cleanup(func() { require.NoError(t, db.Client().Database(stateDatabase).Drop(context.Background())) })
	products := db.Collection("products")
	_, err := products.InsertOne(t.Context(), bson.M{"_id": "old", "name": "Amber Lantern"})
	require.NoError(t, err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, settings{
			mongoURI: m.URI(), elasticURL: e.URL(), namespace: db.Name() + ".products", address: address,
		}, slog.New(slog.DiscardHandler))
	}()
	finds := func(words string, want ...string) {
		t.Helper()
		require.Eventually(t, func() bool {
			got := found(t, address, words)
			return got != nil && len(got) == len(want) && (len(want) == 0 || got[0] == want[0])
		}, time.Minute, 20*time.Millisecond, "%s finds %v", words, want)
	}
	finds("lantern", "old")
	_, err = products.InsertOne(t.Context(), bson.M{"_id": "new", "name": "Nordic Kettle"})
	require.NoError(t, err)
	finds("kettle", "new")
	_, err = products.UpdateByID(t.Context(), "old", bson.M{"$set": bson.M{"discontinued": true}})
	require.NoError(t, err)
	finds("lantern")

	stop()
	require.NoError(t, <-ended)
}
