package source

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

// isolatedIDs is how many documents of a view are asked for at once when one of them makes the whole view fail.
const isolatedIDs = 1000

// unreadError is the error of a direct read that could not get past a document: what had not come before it is not read.
type unreadError struct {
	namespace goatee.Namespace
	why       string
	err       error
}

func (e *unreadError) Error() string {
	return fmt.Sprintf("MongoDB refuses to read %s to its end; documents behind the failing one were not read, because %s: %v",
		e.namespace, e.why, e.err)
}

func (e *unreadError) Unwrap() error { return e.err }

// isolate reads a view, or a collection through a pipeline, after MongoDB has refused to read it in one go for a reason
// that may lie in a single document. It reads the ids of the collection underneath and asks for the documents that come
// of them, so that those at fault can be told from the others: they are emitted as failed changes. Documents that came
// before the refusal come again.
func (r *collectionRead) isolate(ctx context.Context, refusal error) error {
	var b *base
	err := persist(ctx, r.health, func() (err error) {
		b, err = resolve(ctx, r.client, r.namespace, r.pipeline)
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &unreadError{r.namespace, err.Error(), refusal}
	case len(b.stages) == 0:
		return refusal // a plain collection: no document can be the reason
	case !b.keepsIDs():
		return &unreadError{r.namespace, "its stages do not keep the _id of the collection that they begin with", refusal}
	}
	i := &isolation{collectionRead: r, fetcher: fetcher{
		client: r.client, health: r.health, most: isolatedIDs, local: r.standalone, command: b.command,
	}}
	if err := i.probe(ctx, b); err != nil {
		return err
	}
	r.health.logger().Warn("MongoDB refuses to read the namespace in one go: reading its documents by their _id, so that "+
		"those at fault harm no others", "namespace", r.namespace.String(), "error", refusal)
	if err := i.run(ctx, b.namespace); !mongoerr.AccessDenied(err) {
		return err
	}
	return &unreadError{r.namespace, "its collection cannot be read with these credentials", refusal}
}

// isolation is a read by the ids of another collection.
type isolation struct {
	*collectionRead
	fetcher fetcher
}

// probe asks for no document at all. If MongoDB refuses that too, the reason lies in no document.
func (i *isolation) probe(ctx context.Context, b *base) error {
	none := append(b.command(b.namespace, byID("$in", emptyArray), 1), readConcern(i.concern(i.times.low())))
	return persist(ctx, i.health, func() error {
		_, err := runCommand(ctx, i.client, b.namespace.Database, none)
		return err
	})
}

var emptyArray = bson.RawValue{Type: bsontype.Array, Value: []byte{5, 0, 0, 0, 0}}

// run reads the ids of a collection in their order, and for them the documents.
func (i *isolation) run(ctx context.Context, ns goatee.Namespace) error {
	cfg := defaults(forRead)
	ids := &collectionRead{
		client: i.client, namespace: ns, cfg: &cfg, health: i.health, pool: &pool{}, idsOnly: true,
		standalone: i.standalone, info: collectionInfo{exists: true, indexed: true},
	}
	ids.times.latest = i.times.low()
	ids.send = func(ctx context.Context, b *block) error {
		defer b.put()
		return i.read(ctx, b.changes)
	}
	return ids.readAll(ctx, []*chunk{{max: maxKey}, {only: maxKey}})
}

// read emits the documents that come of ids.
func (i *isolation) read(ctx context.Context, ids []goatee.Change) error {
	pending := make([]*goatee.Change, len(ids))
	for n := range ids {
		pending[n] = &ids[n]
		pending[n].Namespace, pending[n].Document = i.namespace, goatee.Document{}
	}
	for len(pending) > 0 {
		out := i.pool.get()
		rest, err := i.fetcher.fetch(ctx, pending, func(c *goatee.Change, err error) {
			out.failed = append(out.failed, goatee.FailedChange{Change: *c, Err: err})
		})
		if err != nil {
			return fatal(err)
		}
		for _, c := range pending[:len(pending)-len(rest)] {
			if !c.Document.IsZero() {
				*out.add() = *c
				out.bytes += c.Document.Len()
			}
		}
		pending = rest
		if !out.empty() {
			if err := i.deliver(ctx, out); err != nil {
				return err
			}
		}
	}
	return nil
}
