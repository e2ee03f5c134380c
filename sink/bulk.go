package sink

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

var (
	_ goatee.Sink         = (*Bulk)(nil)
	_ goatee.Checker      = (*Bulk)(nil)
	_ goatee.Targeter     = (*Bulk)(nil)
	_ goatee.Instrumented = (*Bulk)(nil)
	_ goatee.SinkReporter = (*Bulk)(nil)
)

// Bulk writes actions through Elasticsearch's bulk API. It keeps the order of a write's actions for each document and
// sends the requests of one write one after the other; concurrency is the caller's. It is safe for concurrent use.
//
// It waits, and tries again with back-off, while Elasticsearch, a node or a queue is in trouble. It does not wait for
// the trouble of one index or one document: those actions are reported at once, with their class, and all others are
// written.
type Bulk struct {
	client   Client
	config   config
	url      *url.URL
	targets  bulk.Targets
	counters counters
	health   *health
	limit    byteLimit
	limiter  limiter
	// writes are free to be used again. Not a sync.Pool: reading makes garbage fast, and each collection would throw the
	// buffers away.
	writes chan *write
}

// NewBulk returns a sink that sends requests by client. It does no I/O: Check does. Its error is a *goatee.ConfigError,
// or several joined.
func NewBulk(client Client, opts ...Option) (*Bulk, error) {
	if client == nil {
		return nil, &goatee.ConfigError{
			Setting: "sink.NewBulk", Problem: "the client is nil", Remedy: "give it an *elasticsearch.Client",
		}
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	b := &Bulk{
		client: client,
		config: c,
		url: &url.URL{Path: "/_bulk", RawQuery: url.Values{
			"filter_path": {"errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"},
			"timeout":     {fmt.Sprintf("%dms", c.shardTimeout.Milliseconds())},
		}.Encode()},
		health: newHealth("elasticsearch", c.logger, c.observer),
	}
	b.limit.Store(int64(c.maxBytes))
	b.writes = make(chan *write, keepWrites)
	return b, nil
}

// Write makes actions durable, as goatee.Sink says. When ctx ends its error wraps ctx's cause.
func (b *Bulk) Write(ctx context.Context, actions []goatee.Action) error {
	w := b.take()
	defer w.release()
	return w.run(ctx, actions)
}

func (b *Bulk) take() *write {
	select {
	case w := <-b.writes:
		return w
	default:
		return newWrite(b)
	}
}

// Instrument sets where changes of state are logged and reported, unless WithLogger or WithObserver has done so. It is
// called before the first Write.
func (b *Bulk) Instrument(logger *slog.Logger, observer goatee.Observer) {
	if b.config.logger == nil {
		b.health.logger = logger
	}
	if b.config.observer == nil {
		b.health.observer = observer
	}
}

// SinkStats returns what has been counted so far.
func (b *Bulk) SinkStats() goatee.SinkStats { return b.counters.snapshot() }

// Target returns where an action is written: a drop has an index only, which is a pattern such as "shop.*" for that of a
// database. It fails where Write would refuse the action for its index or id; the target then holds what is known of it.
// It is safe for concurrent use.
func (b *Bulk) Target(a *goatee.Action) (goatee.Target, error) {
	return bulk.NewEncoder(b.config.format, &b.targets).Target(a)
}
