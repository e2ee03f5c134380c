package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/transform"
)

// historyCommand shows what time-machine-namespaces has recorded of a document.
func historyCommand() *command {
	var q historyQuestion
	return &command{
		name: "history", usage: "-namespace NS -id ID [-as-of TIME]",
		summary: "Prints what has been recorded of a document by time-machine-namespaces, a line of JSON for each change, the oldest first.",
		example: "goatee history -f config.toml -namespace shop.orders -id 42 -as-of 2026-01-31T12:00:00Z",
		flags: func(fs *flag.FlagSet) {
			fs.StringVar(&q.namespace, "namespace", "", "the document's collection, such as shop.orders")
			fs.StringVar(&q.id, "id", "", "the document's id in Elasticsearch")
			fs.StringVar(&q.asOf, "as-of", "", "print only the document as it was at this time, such as 2026-01-31T12:00:00Z")
		},
		run: func(ctx context.Context, s *session, out io.Writer) (int, error) { return q.answer(ctx, s.config, out) },
	}
}

// historyQuestion is what the command line asks.
type historyQuestion struct{ namespace, id, asOf string }

// answer returns exitFailure when there is nothing to print.
func (q *historyQuestion) answer(ctx context.Context, c *config.Config, out io.Writer) (int, error) {
	ns, err := goatee.ParseNamespace(q.namespace)
	if err != nil {
		return 0, &goatee.ConfigError{Setting: "namespace", Problem: "it names no collection", Err: err, Remedy: "give -namespace database.collection"}
	}
	if q.id == "" {
		return 0, &goatee.ConfigError{Setting: "id", Problem: "it is missing", Remedy: "give -id with the document's id in Elasticsearch"}
	}
	transport, err := newTransport(c)
	if err != nil {
		return 0, err
	}
	defer transport.CloseIdleConnections()
	es, err := elasticsearchOver(c, transport)
	if err != nil {
		return 0, err
	}
	history, err := sink.NewHistory(es, historyOptions(c)...)
	if err != nil {
		return 0, err
	}
	index, err := indexOf(ctx, c, ns)
	if err != nil {
		return 0, err
	}
	if q.asOf != "" {
		return q.printAsOf(ctx, history, index, out)
	}
	return q.printAll(ctx, history, index, out)
}

func (q *historyQuestion) printAll(ctx context.Context, h *sink.History, index string, out io.Writer) (int, error) {
	code := exitFailure
	for e, err := range h.Entries(ctx, index, q.id) {
		if err != nil {
			return 0, err
		}
		if _, err := fmt.Fprintf(out, "%s\n", e.Source); err != nil {
			return 0, err
		}
		code = 0
	}
	return code, nil
}

func (q *historyQuestion) printAsOf(ctx context.Context, h *sink.History, index string, out io.Writer) (int, error) {
	at, err := time.Parse(time.RFC3339, q.asOf)
	if err != nil {
		return 0, &goatee.ConfigError{Setting: "as-of", Problem: "it is no time", Err: err, Remedy: "write it as 2026-01-31T12:00:00Z"}
	}
	e, ok, err := h.AsOf(ctx, index, q.id, at)
	if err != nil {
		return 0, err
	}
	if !ok || e.Deleted {
		return exitFailure, nil
	}
	_, err = fmt.Fprintf(out, "%s\n", e.Document)
	return 0, err
}

// indexOf is where documents of a collection go, by [[mapping]].
func indexOf(ctx context.Context, c *config.Config, ns goatee.Namespace) (string, error) {
	items, err := goatee.Prepare(ctx, transform.Chain(mappings(c.Mappings)...), []*goatee.Change{{Op: goatee.OpDelete, Namespace: ns}})
	if err != nil {
		return "", err
	}
	for _, item := range items {
		if item.Err != nil {
			return "", item.Err
		}
		for _, a := range item.Actions {
			if a.Index != "" {
				return a.Index, nil
			}
		}
	}
	return strings.ToLower(ns.String()), nil
}
