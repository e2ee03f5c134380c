package sink

import (
	"context"
	"errors"
	"net/url"

	"github.com/goatee-sync/goatee"
)

var (
	_ goatee.Sink         = (*Bulk)(nil)
	_ goatee.Checker      = (*Bulk)(nil)
	_ goatee.SinkReporter = (*Bulk)(nil)
)

// Bulk writes actions through Elasticsearch's bulk API. It keeps the order of a write's actions for each document and
// sends the requests of one write one after the other; concurrency is the caller's. It is safe for concurrent use.
type Bulk struct {
	client   Client
	config   config
	url      *url.URL
	targets  targets
	counters counters
	health   health
	limit    byteLimit
	limiter  limiter
	// writes are free to be used again. Not a sync.Pool: reading makes garbage fast, and each collection would throw the
	// buffers away.
	writes chan *write
}

// NewBulk returns a sink that sends requests by client. It does no I/O: Check does.
func NewBulk(client Client, opts ...Option) (*Bulk, error) {
	if client == nil {
		return nil, errors.New("sink.NewBulk: client is nil: give it an *elasticsearch.Client")
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	b := &Bulk{
		client: client,
		config: c,
		url: &url.URL{Path: "/_bulk", RawQuery: url.Values{"filter_path": {
			"errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason",
		}}.Encode()},
		health: health{component: "elasticsearch", logger: c.logger, observer: c.observer},
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

// SinkStats returns what has been counted so far.
func (b *Bulk) SinkStats() goatee.SinkStats { return b.counters.snapshot() }

// ID returns the id under which the document of a change is written, unless an action overrides it.
func (b *Bulk) ID(c *goatee.Change) (string, error) {
	e := encoder{idForm: b.config.idForm}
	id, err := e.idText(&goatee.Action{Change: c})
	return string(id), err
}
