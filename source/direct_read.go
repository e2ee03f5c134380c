package source

import (
	"context"
	"errors"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/similar"
)

var (
	_ goatee.Source       = (*DirectRead)(nil)
	_ goatee.DirectReader = (*DirectRead)(nil)
	_ goatee.Estimator    = (*DirectRead)(nil)
	_ goatee.Checker      = (*DirectRead)(nil)
)

// DirectRead reads the documents of one collection or view as they are.
type DirectRead struct {
	client    *mongo.Client
	namespace goatee.Namespace
	name      string
	cfg       readConfig
	health    *health
	pool      pool
	estimate  atomic.Int64
}

// NewDirectRead returns a direct read of a namespace such as "shop.orders". It does no I/O.
func NewDirectRead(client *mongo.Client, namespace string, opts ...DirectReadOption) (*DirectRead, error) {
	if client == nil {
		return nil, errors.New("source: NewDirectRead: the client is nil")
	}
	ns, err := goatee.ParseNamespace(namespace)
	if err != nil {
		return nil, &goatee.ConfigError{
			Setting: "direct-read-namespaces", Problem: "not the name of a collection", Err: err,
			Remedy: `give database and collection, such as "shop.orders"`,
		}
	}
	cfg, err := newReadConfig(opts)
	if err != nil {
		return nil, err
	}
	name := goatee.DirectReadPrefix + namespace
	return &DirectRead{client: client, namespace: ns, name: name, cfg: cfg, health: newHealth(name, &cfg.common)}, nil
}

// Name returns goatee.DirectReadPrefix and the namespace.
func (d *DirectRead) Name() string { return d.name }

// Stateful reports whether a read that has been completed is not repeated.
func (d *DirectRead) Stateful() bool { return d.cfg.stateful }

// Estimate returns how many documents the collection had when the read began; 0 before, and for views.
func (d *DirectRead) Estimate() int64 { return d.estimate.Load() }

// Check finds out whether MongoDB answers and is a replica set. It gives up after 10 s. Whether the namespace exists is
// for Run to find out: it may be created until then.
func (d *DirectRead) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return checkDeployment(ctx, d.client)
}

// Run reads every document and returns nil. Lost cursors and connections are replaced; what a collection loses is only
// that it may be read in part again. A namespace that does not exist is reported in the log and has no documents.
func (d *DirectRead) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	if d.cfg.stateful && from.Complete {
		return nil
	}
	read := &collectionRead{client: d.client, namespace: d.namespace, cfg: &d.cfg, health: d.health, pool: &d.pool}
	read.planned = func(info *collectionInfo) { d.estimate.Store(info.count) }
	read.send = func(ctx context.Context, b *block) error {
		return emit(ctx, b.batch(goatee.Position{ClusterTime: read.times.low()}))
	}
	exists, err := read.run(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return d.explain(err)
	}
	if !exists {
		d.reportMissing(ctx)
		return nil
	}
	return emit(ctx, &goatee.Batch{Position: goatee.Position{ClusterTime: read.times.low(), Complete: true}})
}

// explain says what an error that trying again does not cure means for the user.
func (d *DirectRead) explain(err error) error {
	code, _, ok := serverError(err)
	switch {
	case !ok:
		return cause(err)
	case code == codeUnauthorized || code == codeAuthenticationFailed:
		return errAccess(err)
	case d.cfg.pipeline != nil:
		return &goatee.ConfigError{
			Setting: "pipeline", Problem: "MongoDB refuses the direct read of " + d.namespace.String(), Err: err,
			Remedy: "check the stages the pipeline function returns for it",
		}
	}
	return cause(err)
}

func (d *DirectRead) reportMissing(ctx context.Context) {
	attrs := []any{"source", d.name, "namespace", d.namespace.String()}
	names, err := DiscoverNamespaces(ctx, d.client, nil, nil, "")
	if near := similar.Nearest(d.namespace.String(), names, 2); err == nil && near != "" {
		attrs = append(attrs, "suggestion", near)
	}
	d.cfg.logger.Error("the namespace of a direct read does not exist: nothing is read", attrs...)
}
