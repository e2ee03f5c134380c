package testservers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"
)

// These environment variables name servers that run already.
const (
	EnvMongoDB       = "GOATEE_MONGODB_URI"       // a connection string of a replica set
	EnvElasticsearch = "GOATEE_ELASTICSEARCH_URL" // the address of a node
)

// findLimit is how long a server that a variable names may take to answer.
const findLimit = 10 * time.Second

// FindOrStartMongo returns the MongoDB that GOATEE_MONGODB_URI names, or else does what StartMongo does. The options
// are for the server that is started.
func FindOrStartMongo(ctx context.Context, opts ...MongoOption) (*Mongo, error) {
	if m, err := findMongo(ctx); m != nil || err != nil {
		return m, err
	}
	return StartMongo(ctx, opts...)
}

// FindOrStartElastic returns the Elasticsearch that GOATEE_ELASTICSEARCH_URL names, or else does what StartElastic does.
// The options are for the server that is started.
func FindOrStartElastic(ctx context.Context, opts ...ElasticOption) (*Elastic, error) {
	if e, err := findElastic(ctx); e != nil || err != nil {
		return e, err
	}
	return StartElastic(ctx, opts...)
}

// findMongo returns nil without an error if no server is named.
func findMongo(ctx context.Context) (*Mongo, error) {
	uri := os.Getenv(EnvMongoDB)
	if uri == "" {
		return nil, nil
	}
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri).SetServerSelectionTimeout(findLimit))
	if err != nil {
		return nil, fmt.Errorf("%s is malformed: %w", EnvMongoDB, err)
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	if err := client.Ping(ctx, readpref.Primary()); err != nil {
		return nil, fmt.Errorf("the server that %s names does not answer: %w", EnvMongoDB, err)
	}
	return &Mongo{uri: uri}, nil
}

// findElastic returns nil without an error if no server is named.
func findElastic(ctx context.Context) (*Elastic, error) {
	url := strings.TrimRight(os.Getenv(EnvElasticsearch), "/")
	if url == "" {
		return nil, nil
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: findLimit}
	if err := checkHealth(ctx, client, url); err != nil {
		return nil, fmt.Errorf("the server that %s names does not answer: %w", EnvElasticsearch, err)
	}
	return &Elastic{url: url}, nil
}
