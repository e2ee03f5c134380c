package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee/sink"
)

type settings struct {
	mongoURI, elasticURL, namespace, address string
}

// run serves and syncs until ctx ends or either fails.
func run(ctx context.Context, s settings, logger *slog.Logger) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(s.mongoURI))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 10 // lanes and searches keep their connections
	defer transport.CloseIdleConnections()
	es, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{s.elasticURL}, Transport: sink.Transport(transport), DisableRetry: true, // the sink retries
	})
	if err != nil {
		return err
	}
	syncer, err := newSyncer(client, es, s.namespace, logger)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newAPI(es, s.namespace, logger), ReadHeaderTimeout: 5 * time.Second}
	logger.Info("search API listens", "address", listener.Addr().String())
	return together(ctx, syncer.Run, func(ctx context.Context) error { return serve(ctx, server, listener) })
}

// serve answers requests until ctx ends, and lets those under way finish.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(stop)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// together runs both until the first returns, has the other stop, and waits for it.
func together(ctx context.Context, a, b func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	for _, f := range []func(context.Context) error{a, b} {
		go func() {
			defer cancel()
			ended <- f(ctx)
		}()
	}
	return errors.Join(<-ended, <-ended)
}
