package main

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/sink"
)

// withHistory returns next, or a time machine that hands on to it. Delete strategies hand on to what it returns: entries
// are no copies that a document leaves behind.
func withHistory(c *config.Config, next goatee.Sink) (goatee.Sink, error) {
	h := c.TimeMachine
	if len(h.Namespaces) == 0 {
		return next, nil
	}
	return sink.NewTimeMachine(next, append(historyOptions(c),
		sink.WithHistoryNamespaces(h.Namespaces...),
		sink.WithHistoryOfReads(h.DirectReads), sink.WithHistoryOfDeletes(h.Deletes),
	)...)
}

// historyOptions say where entries are and what their fields are called.
func historyOptions(c *config.Config) []sink.TimeMachineOption {
	h, t := c.TimeMachine, c.ClusterTime
	return []sink.TimeMachineOption{
		sink.WithHistoryPrefix(h.Prefix), sink.WithHistorySuffix(h.Suffix),
		sink.WithHistoryFields(t.TSField, t.DateField, t.DateFormat),
	}
}
