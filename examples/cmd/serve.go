package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// drainTimeout leaves some seconds of the 30 after which containers are killed.
const drainTimeout = 20 * time.Second

// serve syncs until ctx ends, the work is done, or it cannot go on. A stop before the work began is no error.
func serve(ctx context.Context, c *config.Config, logger *slog.Logger, out *console) error {
	logger.Info("goatee starts", "version", version())
	client, err := connectMongo(ctx, c.MongoURL)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer disconnect(ctx, client)

	pulse := newPulse(time.Now)
	w := &wiring{config: c, client: client, db: client.Database(c.ConfigDatabaseName), logger: logger}
	w.observer = goatee.TeeObserver(logObserver(logger, c), pulse.observer())
	syncer, err := w.syncer(ctx)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	stopHTTP := func() {}
	if c.EnableHTTPServer {
		status := &status{config: c, stats: syncer.Stats, pulse: pulse, started: time.Now()}
		if stopHTTP, err = serveHTTP(c.HTTPServerAddr, status.handler(), logger); err != nil {
			return err
		}
	}
	defer stopHTTP()
	if err := putFilePipeline(ctx, c); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return runSyncer(ctx, c, syncer, pulse, logger, out)
}

// runSyncer runs the sync with what watches it, and sums up at the end.
func runSyncer(
	ctx context.Context, c *config.Config, syncer *goatee.Syncer, pulse *pulse, logger *slog.Logger, out *console,
) error {
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	var watchers sync.WaitGroup
	watchers.Go(func() { pulse.run(watch, syncer.Stats) })
	if len(c.DirectReadNamespaces) > 0 {
		watchers.Go(func() { showProgress(watch, syncer.Stats, logger, out) })
	}
	if c.Stats {
		watchers.Go(func() { every(watch, c.StatsDuration, func() { logStats(logger, "stats", syncer.Stats()) }) })
	}
	begin := time.Now()
	err := syncer.Run(ctx)
	stop()
	watchers.Wait()
	logStats(logger.With("took", time.Since(begin).Round(time.Millisecond)), "summary", syncer.Stats())
	return err
}
