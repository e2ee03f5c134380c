package e2e

import (
	"context"
	"testing"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/transform"
)

// A document that a transformer drops, in a service that embeds goatee, is deleted as one that MongoDB has deleted: a
// direct read that is late does not bring it back, also when Elasticsearch has forgotten the delete.
func TestAnOldCopyOfADroppedDocumentStaysAway(t *testing.T) {
	s := newStaleRead(t)
	proxy := faultproxy.New(t, servers.mongoDB(t).Members()[0].Address())
	proxy.Hold([]byte(oldCopy))
	stop := s.embed(t, "mongodb://"+proxy.Addr()+"/?directConnection=true")
	require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, tick, "the direct read does not begin")

	s.change(t)
	require.Eventually(t, func() bool { return s.es.has(s.index("orders"), "deleted", "new") }, patience, tick)
	_, err := s.db.Collection("orders").ReplaceOne(t.Context(), byID("deleted"), bson.D{{Key: "dropped", Value: true}})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !s.es.has(s.index("orders"), "deleted", "") }, patience, tick)
	s.awaitForgotten(t)

	proxy.Hold(nil)
	except := comparison{stack: s.stack, except: map[string]bool{"deleted": true}}
	except.require(t, "orders")
	stop()
	except.require(t, "orders")
	require.False(t, s.es.has(s.index("orders"), "deleted", ""), "what is dropped stays away")
}

// embed runs a Syncer of the orders, whose documents with a field dropped are dropped.
func (s *stack) embed(t *testing.T, uri string) (stop func()) {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
	require.NoError(t, err)
	es, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{s.es.url}, Transport: sink.Transport(s.es.http.Transport), DisableRetry: true,
	})
	require.NoError(t, err)
	namespace := s.db.Name() + ".orders"
	stream, err := source.NewChangeStream(client, namespace)
	require.NoError(t, err)
	read, err := source.NewDirectRead(client, namespace)
	require.NoError(t, err)
	bulk, err := sink.NewBulk(es)
	require.NoError(t, err)
	syncer, err := goatee.New(goatee.WithSource(stream), goatee.WithSource(read), goatee.WithSink(bulk),
		goatee.WithTransformer(transform.Drop(func(d *goatee.Document) bool { return !d.Lookup("dropped").IsZero() })))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- syncer.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, client.Disconnect(context.WithoutCancel(ctx)))
	}
	t.Cleanup(stop)
	return stop
}
