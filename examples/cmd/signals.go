package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. A second one ends the process at once: what
// is not acknowledged will be read again. stop ends the watch.
func untilSignal(ctx context.Context, logger *slog.Logger) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-signals:
			logger.Info("stopping: writing what has been read; a second signal stops at once", "signal", s.String())
			cancel()
		case <-ctx.Done():
			return
		}
		if _, ok := <-signals; ok {
			logger.Error("stopped at once by a second signal")
			os.Exit(exitFailure)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
		close(signals)
		<-done
	}
}
