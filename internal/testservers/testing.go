package testservers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// MongoDB returns a running MongoDB replica set. Without options it is shared by all tests of the run; with any option
// it belongs to the test and ends with it. The test fails if there is none to be had.
func MongoDB(t testing.TB, opts ...MongoOption) *Mongo {
	t.Helper()
	cfg, err := newMongoConfig(opts)
	fatal(t, err)
	if cfg.dedicated {
		m, err := StartMongo(t.Context(), opts...)
		fatal(t, err)
		t.Cleanup(func() { report(t, m.Close()) })
		return m
	}
	m, err := findMongo(t.Context())
	fatal(t, err)
	if m != nil {
		return m
	}
	uri, err := shared(t.Context(), "mongodb", func(dir *workdir) (string, error) {
		m, err := startMongoIn(t.Context(), dir, cfg)
		if err != nil {
			return "", err
		}
		return m.URI(), nil
	})
	fatal(t, err)
	return &Mongo{uri: uri}
}

// Elasticsearch returns a running Elasticsearch. Without options it is shared by all tests of the run; with any option
// it belongs to the test and ends with it. The test fails if there is none to be had.
func Elasticsearch(t testing.TB, opts ...ElasticOption) *Elastic {
	t.Helper()
	cfg, err := newElasticConfig(opts)
	fatal(t, err)
	if cfg.dedicated {
		e, err := StartElastic(t.Context(), opts...)
		fatal(t, err)
		t.Cleanup(func() { report(t, e.Close()) })
		return e
	}
	e, err := findElastic(t.Context())
	fatal(t, err)
	if e != nil {
		return e
	}
	url, err := shared(t.Context(), cfg.kind, func(dir *workdir) (string, error) {
		e, err := startElasticIn(t.Context(), dir, cfg)
		if err != nil {
			return "", err
		}
		return e.URL(), nil
	})
	fatal(t, err)
	return &Elastic{url: url}
}

// Client returns a client that is disconnected when the test ends.
func (m *Mongo) Client(t testing.TB) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(m.uri))
	fatal(t, err)
	t.Cleanup(func() { report(t, client.Disconnect(context.Background())) })
	return client
}

// UniqueDB returns the name of a database that no other test uses and that is dropped when the test ends.
func (m *Mongo) UniqueDB(t testing.TB) string {
	t.Helper()
	name := UniqueName(t)
	client := m.Client(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		report(t, client.Database(name).Drop(ctx))
	})
	return name
}

// Client returns a client whose connections are closed when the test ends.
func (e *Elastic) Client(t testing.TB) *elasticsearch.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{e.url}, Transport: transport})
	fatal(t, err)
	t.Cleanup(transport.CloseIdleConnections)
	return client
}

// DropIndices has the indices whose names start with prefix deleted when the test ends. An index is often named after
// the namespace, so the name of the test's database is a good prefix.
func (e *Elastic) DropIndices(t testing.TB, prefix string) {
	t.Helper()
	client := e.Client(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		resp, err := client.Indices.Delete([]string{prefix + "*"}, client.Indices.Delete.WithContext(ctx))
		if err != nil {
			report(t, err)
			return
		}
		defer resp.Body.Close()
		if resp.IsError() {
			report(t, fmt.Errorf("delete indices %s*: %s", prefix, resp))
		}
	})
}

// UniqueName returns a name that is good for a database and for an index, says which test it belongs to and is never
// returned again.
func UniqueName(t testing.TB) string {
	const most = 24 // a database name has at most 63 bytes
	letters := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(t.Name()))
	return letters[:min(most, len(letters))] + "-" + primitive.NewObjectID().Hex()
}

// fatal ends the test if the servers cannot be had: a test that cannot run has not passed.
func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// report fails the test if its cleaning up failed.
func report(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
