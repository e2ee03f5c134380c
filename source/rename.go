package source

import (
	"context"

	"github.com/goatee-sync/goatee"
)

// rename emits the rename of a collection and then the documents it has under its new name, which come with no events
// of their own. The position stays before the rename until they are all emitted, so that a crash repeats it.
func (r *streamRun) rename(ctx context.Context, from *namespaceInfo, at goatee.Position) error {
	to, err := r.namespaces.get(r.event.to)
	if err != nil {
		return fatal(err)
	}
	if from.wanted && from.drop {
		change := goatee.Change{Op: goatee.OpRename, Namespace: from.Namespace, ClusterTime: at.ClusterTime, To: &to.Namespace}
		if err := r.send(ctx, &goatee.Batch{Changes: []goatee.Change{change}, Position: r.position}); err != nil {
			return err
		}
	}
	if to.wanted && r.covers(to.Namespace) {
		if err := r.reread(ctx, to.Namespace); err != nil {
			return err
		}
	}
	if err := r.send(ctx, &goatee.Batch{Position: at}); err != nil {
		return err
	}
	r.position = at
	return nil
}

// covers reports whether changes of a namespace are in the stream.
func (r *streamRun) covers(ns goatee.Namespace) bool {
	return (r.target.Database == "" || r.target.Database == ns.Database) &&
		(r.target.Collection == "" || r.target.Collection == ns.Collection)
}

// reread emits the documents of a collection as they are now.
func (r *streamRun) reread(ctx context.Context, ns goatee.Namespace) error {
	cfg := defaultReadConfig()
	cfg.common, cfg.parallel = r.cfg.common, 1
	read := &collectionRead{client: r.client, namespace: ns, cfg: &cfg, health: r.health, pool: &r.pool}
	read.send = func(ctx context.Context, b *block) error { return r.send(ctx, b.batch(r.position)) }
	_, err := read.run(ctx)
	return fatal(err)
}
