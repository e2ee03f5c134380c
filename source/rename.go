package source

import (
	"context"
	"fmt"

	"github.com/goatee-sync/goatee"
)

// rename emits the rename of a collection and then the documents it has under its new name, which come with no events
// of their own. The position stays before the rename until they are all emitted, so that a crash repeats it.
func (r *streamRun) rename(ctx context.Context, from *namespaceInfo, at goatee.Position) error {
	to, err := r.namespaces.get(r.event.to)
	if err != nil {
		return fatal(err)
	}
	if r.covers(from.Namespace) && from.wanted && from.drop {
		err := r.alone(ctx, goatee.Change{
			Op: goatee.OpRename, Namespace: from.Namespace, ClusterTime: at.ClusterTime, To: &to.Namespace,
		})
		if err != nil {
			return err
		}
	}
	if r.covers(to.Namespace) && to.wanted {
		if err := r.replace(ctx, to, at); err != nil {
			return err
		}
	}
	if err := r.send(ctx, &goatee.Batch{Position: at}); err != nil {
		return err
	}
	r.position = at
	return nil
}

// covers reports whether changes of a namespace are in the stream. A collection's stream also brings renames into it.
func (r *streamRun) covers(ns goatee.Namespace) bool {
	return (r.target.Database == "" || r.target.Database == ns.Database) &&
		(r.target.Collection == "" || r.target.Collection == ns.Collection)
}

// replace emits the drop of what had the name before, for which MongoDB has no event, and then the documents that have
// it now.
func (r *streamRun) replace(ctx context.Context, to *namespaceInfo, at goatee.Position) error {
	if to.drop {
		change := goatee.Change{Op: goatee.OpDrop, Namespace: to.Namespace, ClusterTime: at.ClusterTime}
		if err := r.alone(ctx, change); err != nil {
			return err
		}
	}
	cfg := defaults(forRead)
	cfg.pipeline, cfg.parallel = r.cfg.pipeline, 1
	read := &collectionRead{client: r.client, namespace: to.Namespace, cfg: &cfg, health: r.health, pool: &r.pool}
	read.send = func(ctx context.Context, b *block) error { return r.send(ctx, b.batch(r.position)) }
	_, err := read.run(ctx)
	if refused(err) {
		// A view has taken its place since, or the pipeline fails: no reason to stop reading changes.
		return r.send(ctx, &goatee.Batch{Position: r.position, Failed: []goatee.FailedChange{{
			Change: goatee.Change{Op: goatee.OpRead, Namespace: to.Namespace, ClusterTime: at.ClusterTime},
			Err:    fmt.Errorf("read %s after its rename: %w", to.Namespace, err),
		}}})
	}
	return fatal(cause(err))
}

// alone emits a barrier without moving the position.
func (r *streamRun) alone(ctx context.Context, c goatee.Change) error {
	return r.send(ctx, &goatee.Batch{Changes: []goatee.Change{c}, Position: r.position})
}
