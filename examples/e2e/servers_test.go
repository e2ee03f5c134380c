package e2e

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/internal/testservers"
)

// serverSet is the MongoDB and the Elasticsearch most tests of this package use, one after the other. They belong to
// this package, because tests follow the whole deployment and drop databases.
type serverSet struct {
	mu      sync.Mutex
	mongo   *testservers.Mongo
	elastic *testservers.Elastic
}

var servers serverSet

func (s *serverSet) mongoDB(t testing.TB) *testservers.Mongo {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mongo == nil {
		m, err := testservers.StartMongo(t.Context(), testservers.OplogMB(1024))
		require.NoError(t, err)
		s.mongo = m
	}
	return s.mongo
}

func (s *serverSet) elasticsearch(t testing.TB) *testservers.Elastic {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.elastic == nil {
		e, err := testservers.StartElastic(t.Context(), testservers.Heap("768m"))
		require.NoError(t, err)
		s.elastic = e
	}
	return s.elastic
}

func (s *serverSet) close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.mongo != nil {
		errs = append(errs, s.mongo.Close())
	}
	if s.elastic != nil {
		errs = append(errs, s.elastic.Close())
	}
	return errors.Join(errs...)
}

// stack is what a test works with: both servers, and a database of its own.
type stack struct {
	mongoURI string
	client   *mongo.Client
	db       *mongo.Database
	es       *elastic
}

// newStack returns a stack on this package's servers.
func newStack(t testing.TB) *stack {
	t.Helper()
	return stackOn(t, servers.mongoDB(t), servers.elasticsearch(t).URL())
}

func stackOn(t testing.TB, m *testservers.Mongo, elasticURL string) *stack {
	t.Helper()
	client := m.Client(t)
	name := m.UniqueDB(t)
	es := newElastic(t, elasticURL)
	t.Cleanup(func() { es.deleteIndices(t, name) })
	return &stack{mongoURI: m.URI(), client: client, db: client.Database(name), es: es}
}

// settings returns a configuration that follows the stack's database and keeps its positions, nothing more.
func (s *stack) settings() settings {
	return settings{
		"mongo-url":                s.mongoURI,
		"elasticsearch-urls":       []string{s.es.url},
		"change-stream-namespaces": []string{s.db.Name()},
		"resume":                   true,
		"config-database-name":     s.db.Name() + "-state",
	}
}

// namespaces returns the full names of collections.
func (s *stack) namespaces(collections ...string) []string {
	names := make([]string, len(collections))
	for i, c := range collections {
		names[i] = s.db.Name() + "." + c
	}
	return names
}
