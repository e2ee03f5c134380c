package e2e

import (
	"bytes"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/faultproxy"
)

const oldCopy = "the old copy of this document"

// staleRead is a collection whose documents are held somewhere on their way while they change.
type staleRead struct {
	*stack
	daemon *daemon
}

// newStaleRead inserts the documents. Elasticsearch forgets the versions of deleted ones after a second.
func newStaleRead(t *testing.T) *staleRead {
	t.Helper()
	s := newStack(t)
	s.es.must(t, "PUT", "/_index_template/"+s.db.Name(),
		`{"index_patterns":["`+s.db.Name()+`*"],"template":{"settings":{"index.gc_deletes":"1s"}}}`)
	t.Cleanup(func() { s.es.must(t, "DELETE", "/_index_template/"+s.db.Name(), "") })
	docs := []any{}
	for i := range 40 {
		docs = append(docs, withID(idOf(i), bson.D{{Key: "state", Value: oldCopy}}))
	}
	for _, id := range []string{"updated", "replaced", "deleted", "reinserted"} {
		docs = append(docs, withID(id, bson.D{{Key: "state", Value: oldCopy}}))
	}
	// A change stream may bring the last change before its start again: that must not be an old copy.
	docs = append(docs, byID("last"))
	_, err := s.db.Collection("orders").InsertMany(t.Context(), docs)
	require.NoError(t, err)
	return &staleRead{stack: s}
}

// change makes every held copy an old one.
func (s *staleRead) change(t *testing.T) {
	t.Helper()
	c := s.db.Collection("orders")
	newer := bson.D{{Key: "state", Value: "new"}}
	for _, id := range []string{"updated", "deleted"} {
		_, err := c.UpdateOne(t.Context(), byID(id), bson.D{{Key: "$set", Value: newer}})
		require.NoError(t, err)
	}
	_, err := c.ReplaceOne(t.Context(), byID("replaced"), newer)
	require.NoError(t, err)
	_, err = c.DeleteOne(t.Context(), byID("reinserted"))
	require.NoError(t, err)
	_, err = c.InsertOne(t.Context(), withID("reinserted", newer))
	require.NoError(t, err)
}

func (s *staleRead) delete(t *testing.T) {
	t.Helper()
	_, err := s.db.Collection("orders").DeleteOne(t.Context(), byID("deleted"))
	require.NoError(t, err)
}

// awaitForgotten waits until Elasticsearch has forgotten the versions of what was deleted before the call.
func (s *staleRead) awaitForgotten(t *testing.T) {
	t.Helper()
	probe := "/" + s.index("orders") + "/_doc/probe?version_type=external&version="
	_, _, err := s.es.call("DELETE", probe+"100", "")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, _, _ = s.es.call("POST", "/"+s.index("orders")+"/_refresh", "")
		status, _, err := s.es.call("PUT", probe+"50", "{}")
		return err == nil && status < 300
	}, patience, tick)
	s.es.must(t, "DELETE", probe+"101", "")
}

// requireNewerState waits until what was held has arrived, and demands that the newer state has won for good.
func (s *staleRead) requireNewerState(t *testing.T) {
	t.Helper()
	s.requireAgreement(t, "orders")
	require.Zero(t, s.daemon.terminate(t))
	s.requireAgreement(t, "orders")
	require.False(t, s.es.has(s.index("orders"), "deleted", ""), "what is deleted stays deleted")
}

// The direct read holds old copies while all changes since are in Elasticsearch already, and forgotten there.
func TestChangesOvertakeADirectRead(t *testing.T) {
	s := newStaleRead(t)
	proxy := faultproxy.New(t, servers.mongoDB(t).Members()[0].Address())
	proxy.Hold([]byte(oldCopy))
	s.daemon = startDaemon(t, s.settings().with(settings{
		"mongo-url":              "mongodb://" + proxy.Addr() + "/?directConnection=true",
		"direct-read-namespaces": s.namespaces("orders"),
	}))
	require.Eventually(t, func() bool { return proxy.Held() > 0 }, patience, tick, "the direct read does not begin")

	s.change(t)
	for _, id := range []string{"updated", "replaced", "deleted", "reinserted"} {
		require.Eventually(t, func() bool { return s.es.has(s.index("orders"), id, "new") }, patience, tick, id)
	}
	s.delete(t)
	require.Eventually(t, func() bool { return !s.es.has(s.index("orders"), "deleted", "") }, patience, tick)
	s.awaitForgotten(t)

	proxy.Hold(nil)
	s.requireNewerState(t)
}

// The old copies are on their way into Elasticsearch while the documents change.
func TestChangesDuringTheWriteOfADirectRead(t *testing.T) {
	s := newStaleRead(t)
	web := faultproxy.HTTP(t, s.es.url)
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	web.Handle(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		items, err := faultproxy.ReadBulk(r)
		for _, item := range items {
			if err == nil && bytes.Contains(item.Source, []byte(oldCopy)) {
				once.Do(func() { close(held) })
				select {
				case <-release:
				case <-r.Context().Done():
				}
			}
		}
		next.ServeHTTP(w, r)
	})
	s.daemon = startDaemon(t, s.settings().with(settings{
		"elasticsearch-urls":     []string{web.URL()},
		"direct-read-namespaces": s.namespaces("orders"),
	}))
	<-held
	s.change(t)
	s.delete(t)
	s.awaitForgotten(t)
	close(release)
	s.requireNewerState(t)
}
