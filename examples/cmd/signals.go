package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameRequest is how long after the first signal another one is taken for the same request: service managers and shells
// send a signal to a process and to its group, a moment apart.
const sameRequest = time.Second

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. A later one ends the process at once: what is
// not acknowledged will be read again. stop ends the watch.
func untilSignal(ctx context.Context, logger *slog.Logger) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var first time.Time
		for s := range signals {
			switch {
			case first.IsZero():
				first = time.Now()
				logger.Info("stopping: writing what has been read; another signal stops at once", "signal", s.String())
				cancel()
			case time.Since(first) < sameRequest:
				logger.Info("stopping already: this signal is taken for the same request", "signal", s.String())
			default:
				logger.Error("stopped at once by another signal: what is not written yet is read again at the next start",
					"signal", s.String())
				os.Exit(exitFailure)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
		close(signals)
		<-done
	}
}
