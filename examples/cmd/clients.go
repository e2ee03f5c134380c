package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/sink"
)

// connectLimit is how long the first answer of MongoDB may take, unless the connection string says otherwise.
const connectLimit = 10 * time.Second

// connectMongo returns a client that has reached a primary.
func connectMongo(ctx context.Context, uri string) (*mongo.Client, error) {
	// What is wrong with the string itself was found when the settings were loaded: no error repeats a part of it.
	opts := options.Client().ApplyURI(uri)
	if err := opts.Validate(); err != nil {
		return nil, mongoError("the connection string is not valid", err.Error(), "correct it")
	}
	if opts.AppName == nil {
		opts.SetAppName("goatee")
	}
	client, err := mongo.Connect(ctx, opts)
	if err != nil {
		return nil, mongoError("the client cannot be set up", err.Error(), "correct the connection string")
	}
	limit := connectLimit
	if opts.ServerSelectionTimeout != nil {
		limit = *opts.ServerSelectionTimeout + time.Second
	}
	ping, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := client.Ping(ping, readpref.Primary()); err != nil {
		disconnect(ctx, client)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, mongoError("no primary answers", err.Error(),
			"check address, credentials and that MongoDB runs as a replica set")
	}
	return client, nil
}

func mongoError(problem, cause, remedy string) error {
	return &goatee.ConfigError{Setting: "mongo-url", Problem: problem + ": " + cause, Remedy: remedy}
}

// disconnect ends the client's connections, within a time, also after ctx has ended.
func disconnect(ctx context.Context, client *mongo.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = client.Disconnect(ctx) // nothing depends on how it ends
}

// newElasticsearch returns a client that leaves retrying to the sink.
func newElasticsearch(c *config.Config) (*elasticsearch.Client, error) {
	transport, err := newTransport(c)
	if err != nil {
		return nil, err
	}
	return elasticsearchOver(c, transport)
}

func elasticsearchOver(c *config.Config, transport *http.Transport) (*elasticsearch.Client, error) {
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    c.ElasticsearchURLs,
		Username:     c.ElasticsearchUser,
		Password:     c.ElasticsearchPassword,
		APIKey:       encodedAPIKey(c.ElasticsearchAPIKey),
		DisableRetry: true,
		Transport:    sink.Transport(transport),
	})
	if err != nil {
		return nil, &goatee.ConfigError{Setting: "elasticsearch-urls", Problem: "the client cannot be set up", Remedy: "correct them"}
	}
	return client, nil
}

// encodedAPIKey returns a key in the form that goes over the wire: base64 of id:key. Base64 has no colon, so that the two
// forms cannot be taken for one another.
func encodedAPIKey(key string) string {
	if !strings.Contains(key, ":") {
		return key
	}
	return base64.StdEncoding.EncodeToString([]byte(key))
}

func newTransport(c *config.Config) (*http.Transport, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// Each lane keeps its connection; two more are for checks and drops.
	transport.MaxIdleConnsPerHost = c.ElasticsearchMaxConns + 2
	// Not to verify is for the operator to decide.
	transport.TLSClientConfig = &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: !c.ElasticsearchValidatePEMFile,
	}
	if c.ElasticsearchPEMFile == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(c.ElasticsearchPEMFile)
	if err != nil {
		return nil, &goatee.ConfigError{Setting: "elasticsearch-pem-file", Problem: "cannot be read", Remedy: "name a PEM file", Err: err}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &goatee.ConfigError{
			Setting: "elasticsearch-pem-file", Problem: fmt.Sprintf("%s holds no certificate", c.ElasticsearchPEMFile),
			Remedy: "name a PEM file with the certificate authorities to trust",
		}
	}
	transport.TLSClientConfig.RootCAs = pool
	return transport, nil
}
