package main

import (
	"context"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// wiring makes a Syncer of the settings.
type wiring struct {
	config *config.Config
	client *mongo.Client
	// db holds positions and what else is remembered.
	db     *mongo.Database
	logger *slog.Logger
	// observer is told what happens.
	observer goatee.Observer
}

func (w *wiring) syncer(ctx context.Context) (*goatee.Syncer, error) {
	opts := []goatee.Option{
		goatee.WithLogger(w.logger), goatee.WithObserver(w.observer),
		goatee.WithLanes(w.config.ElasticsearchMaxConns), goatee.WithDrainTimeout(drainTimeout), goatee.WithPace(pace(w.config)),
	}
	if w.config.ExitAfterDirectReads {
		opts = append(opts, goatee.WithStopAfterDirectReads())
	}
	for _, part := range []func(context.Context) ([]goatee.Option, error){w.ends, w.sources, w.transformer, w.elector} {
		more, err := part(ctx)
		if err != nil {
			return nil, err
		}
		opts = append(opts, more...)
	}
	return goatee.New(opts...)
}

// pace is pace-milliseconds, and no more than elasticsearch-max-seconds.
func pace(c *config.Config) time.Duration {
	pace := time.Duration(c.PaceMilliseconds) * time.Millisecond
	if most := time.Duration(c.ElasticsearchMaxSeconds) * time.Second; most > 0 {
		pace = min(pace, most)
	}
	return pace
}

// ends are the sink and the position store.
func (w *wiring) ends(context.Context) ([]goatee.Option, error) {
	es, err := newElasticsearch(w.config)
	if err != nil {
		return nil, err
	}
	sink, err := newSink(w.config, es, w.db)
	if err != nil {
		return nil, err
	}
	positions, err := newPositions(w.config, w.db)
	if err != nil {
		return nil, err
	}
	return []goatee.Option{goatee.WithSink(sink), goatee.WithPositions(positions)}, nil
}

func (w *wiring) sources(ctx context.Context) ([]goatee.Option, error) {
	s := &sources{config: w.config, client: w.client, logger: w.logger}
	all, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	var opts []goatee.Option
	for _, src := range all {
		opts = append(opts, goatee.WithSource(src))
	}
	return opts, nil
}

func (w *wiring) transformer(ctx context.Context) ([]goatee.Option, error) {
	t, err := newTransformer(ctx, w.config)
	if t == nil || err != nil {
		return nil, err
	}
	return []goatee.Option{goatee.WithTransformer(t)}, nil
}

func (w *wiring) elector(context.Context) ([]goatee.Option, error) {
	if w.config.ClusterName == "" {
		return nil, nil
	}
	leases := w.db.Collection(cluster.LeaseCollection)
	lease, err := cluster.NewLease(leases, w.config.ClusterName)
	if err != nil {
		return nil, err
	}
	return []goatee.Option{goatee.WithElector(lease)}, nil
}
