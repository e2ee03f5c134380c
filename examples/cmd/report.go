package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/examples/internal/progress"
)

// logObserver logs what the library leaves to its user.
func logObserver(logger *slog.Logger, c *config.Config) goatee.Observer {
	var once sync.Once
	return goatee.Observer{
		SourceStarted: func(goatee.SourceInfo) {
			if !c.DisableChangeEvents {
				once.Do(func() { logger.Info("listening for events") })
			}
		},
		Checkpoint: func(i goatee.CheckpointInfo) {
			if i.Err == nil {
				logger.Debug("positions stored", "sources", len(i.Positions))
			}
		},
		Written: func(i goatee.WriteInfo) {
			logger.Debug("written", "lane", i.Lane, "changes", i.Changes, "actions", i.Actions, "took", i.Took, "error", i.Err)
		},
	}
}

// logStats logs the counters in one line.
func logStats(logger *slog.Logger, message string, st goatee.Stats) {
	attrs := []any{"applied", st.Applied, "deadLetters", st.DeadLetters, "inFlightBytes", st.InFlightBytes}
	if s := st.Sink; s != nil {
		attrs = append(attrs, "indexed", s.Indexed, "updated", s.Updated, "deleted", s.Deleted, "superseded", s.Superseded,
			"requests", s.Requests, "retries", s.Retries)
	}
	if st.Waiting > 0 {
		attrs = append(attrs, "waiting", st.Waiting)
	}
	for _, b := range st.Blocked {
		attrs = append(attrs, "blocked", b.Index)
	}
	logger.Info(message, attrs...)
}

const (
	barWidth      = 30
	barInterval   = 200 * time.Millisecond
	linesInterval = 10 * time.Second
)

// showProgress shows how far direct reads are until they are complete: a bar on a terminal, else lines in the log.
func showProgress(ctx context.Context, stats func() goatee.Stats, logger *slog.Logger, out *console) {
	interval := linesInterval
	show := func(r progress.Reads) {
		logger.Info("direct reads", "documents", r.Documents, "of", r.Estimate, "bytes", r.Bytes, "left", r.Remaining())
	}
	if out.terminal {
		interval = barInterval
		show = func(r progress.Reads) { out.setStatus(r.Bar(barWidth)) }
	}
	r := progress.Watch(ctx, stats, interval, show)
	out.setStatus("")
	if !r.Complete {
		return
	}
	attrs := []any{"documents", r.Documents - r.Refused, "bytes", r.Bytes, "took", r.Elapsed.Round(time.Millisecond)}
	if r.Failed == 0 && r.Refused == 0 {
		logger.Info("direct reads completed", attrs...)
		return
	}
	logger.Error("direct reads ended, not everything is in Elasticsearch",
		append(attrs, "refusedDocuments", r.Refused, "failedReads", r.Failed)...)
}
