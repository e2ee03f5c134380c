package source

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
	"github.com/goatee-sync/goatee/internal/similar"
)

var (
	_ goatee.Source       = (*DirectRead)(nil)
	_ goatee.DirectReader = (*DirectRead)(nil)
	_ goatee.Identifier   = (*DirectRead)(nil)
	_ goatee.Estimator    = (*DirectRead)(nil)
	_ goatee.Checker      = (*DirectRead)(nil)
	_ goatee.Instrumented = (*DirectRead)(nil)
)

// ErrNamespaceNotFound is wrapped by the error of a direct read whose namespace does not exist.
var ErrNamespaceNotFound = errors.New("there is no such collection or view")

// DirectRead reads the documents of one collection or view as they are.
type DirectRead struct {
	client    *mongo.Client
	namespace goatee.Namespace
	name      string
	cfg       config
	health    *health
	pool      pool
	estimate  atomic.Int64
	begun     atomic.Bool
}

// NewDirectRead returns a direct read of a namespace such as "shop.orders". It does no I/O. Its errors are
// *goatee.ConfigError.
func NewDirectRead(client *mongo.Client, namespace string, opts ...Option) (*DirectRead, error) {
	cfg, err := newConfig(forRead, client, opts)
	if err != nil {
		return nil, err
	}
	ns, err := parseNamespace(namespace)
	if err != nil {
		return nil, err
	}
	name := DirectReadPrefix + namespace
	return &DirectRead{client: client, namespace: ns, name: name, cfg: cfg, health: newHealth(name, &cfg)}, nil
}

// Name returns DirectReadPrefix and the namespace.
func (d *DirectRead) Name() string { return d.name }

// SourceID returns the name, goatee.KindDirectRead and the namespace.
func (d *DirectRead) SourceID() goatee.SourceID {
	return goatee.SourceID{Name: d.name, Kind: goatee.KindDirectRead, Namespace: d.namespace}
}

// Namespace returns the collection or view that is read.
func (d *DirectRead) Namespace() goatee.Namespace { return d.namespace }

// Stateful reports whether a read that has been completed is not repeated.
func (d *DirectRead) Stateful() bool { return d.cfg.stateful }

// Begun reports whether the latest run has begun to read: not while it waits for its turn (WithTurns). It is safe for
// concurrent use.
func (d *DirectRead) Begun() bool { return d.begun.Load() }

// Estimate returns how many documents the collection had when the read began; 0 before, and for views.
func (d *DirectRead) Estimate() int64 { return d.estimate.Load() }

// Instrument sets logger and observer unless options have.
func (d *DirectRead) Instrument(logger *slog.Logger, observer goatee.Observer) {
	d.health.instrument(&d.cfg, logger, &observer)
}

// Check finds out whether MongoDB answers. It gives up after 10 s. Whether the namespace exists is for Run to find out:
// it may be created until then.
func (d *DirectRead) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	standalone, err := checkDeployment(ctx, d.client)
	if standalone {
		d.health.logger().Warn("the server is a standalone mongod: documents get versions by its clock, and changes that " +
			"are made while it is read may be missed")
	}
	return err
}

// Run reads every document and returns nil. Lost cursors and connections are replaced; what a collection loses is only
// that it may be read in part again. A document of a view or a pipeline that MongoDB refuses to return, because a stage
// fails for it or makes it larger than 16 MB, is a failed change of its batch, and the others are read; where documents
// cannot be told apart by the _id of a collection, the read ends with an error. The error for a namespace that does not
// exist wraps ErrNamespaceNotFound.
func (d *DirectRead) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	d.begun.Store(false)
	if d.cfg.stateful && from.Complete {
		return nil
	}
	done, err := d.cfg.turns.wait(ctx)
	if err != nil {
		return err
	}
	defer done()
	d.begun.Store(true)
	read := &collectionRead{client: d.client, namespace: d.namespace, cfg: &d.cfg, health: d.health, pool: &d.pool}
	read.planned = func(info *collectionInfo) { d.estimate.Store(info.count) }
	read.send = func(ctx context.Context, b *block) error {
		return emit(ctx, b.batch(goatee.Position{ClusterTime: read.times.low()}))
	}
	exists, err := read.run(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return d.explain(err)
	case !exists:
		return d.missing(ctx)
	}
	return emit(ctx, &goatee.Batch{Position: goatee.Position{ClusterTime: read.times.low(), Complete: true}})
}

// explain says what an error that trying again does not cure means for the user.
func (d *DirectRead) explain(err error) error {
	switch {
	case mongoerr.AccessDenied(err):
		return errAccess(err)
	case refused(err) && d.cfg.pipeline != nil:
		return &goatee.ConfigError{
			Setting: SettingPipeline, Problem: "MongoDB refuses the direct read of " + d.namespace.String(), Err: err,
			Remedy: "check the stages the pipeline function returns for it",
		}
	case refused(err):
		return fmt.Errorf("direct read of %s: %w", d.namespace, err)
	}
	return cause(err)
}

// missing is the error for a namespace that does not exist, with the name of one that is nearly the same.
func (d *DirectRead) missing(ctx context.Context) error {
	remedy := "check the name; a collection that is created later is read by its change stream"
	names, err := DiscoverNamespaces(ctx, d.client, nil, nil, "")
	if near := similar.Nearest(d.namespace.String(), names, 2); err == nil && near != "" {
		remedy = fmt.Sprintf("did you mean %q?", near)
	}
	return &goatee.ConfigError{
		Setting: SettingNamespace, Problem: d.namespace.String(), Err: ErrNamespaceNotFound, Remedy: remedy,
	}
}
