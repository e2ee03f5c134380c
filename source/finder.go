package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

// findBytes is about how many bytes of documents one reply to a Finder holds.
const findBytes = 2 << 20

// Finder reads the documents that transformers look up and relations bring: it is a transform.Finder. It is safe for
// concurrent use.
type Finder struct {
	client *mongo.Client
	cfg    config
	health *health
}

// NewFinder returns a Finder. It takes the options WithLogger and WithObserver. It does no I/O. Its errors are
// *goatee.ConfigError.
func NewFinder(client *mongo.Client, opts ...Option) (*Finder, error) {
	cfg, err := newConfig(forFinder, client, opts)
	if err != nil {
		return nil, err
	}
	return &Finder{client: client, cfg: cfg, health: newHealth("finder", &cfg)}, nil
}

// Instrument sets logger and observer unless options have. It is called before Find.
func (f *Finder) Instrument(logger *slog.Logger, observer goatee.Observer) {
	f.health.instrument(&f.cfg, logger, &observer)
}

// Find yields the documents of a collection or view that the filter matches, with the fields of the projection, all of
// them when it is nil; a nil filter matches every document. It reads from the primary, with read concern majority, what
// is not older than the moment of the call: nothing it yields is rolled back, and nothing is older than a change that was
// read before, even when there is a new primary in between.
//
// Any number of documents may match: replies hold about 2 MiB, never more than MongoDB's 16 MB, and two are in memory at
// most. What passes is tried again until ctx ends; documents yielded before that are then yielded again. An error is the
// last thing it yields. A collection that does not exist has no documents.
//
// An error that lies in the filter, the projection or the documents they are about, as when a view fails for one of them,
// has a method QueryRefused() bool that returns true: a caller that asked for several documents may ask for fewer, to
// find the one at fault. All other errors are about access or the end of ctx.
func (f *Finder) Find(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error] {
	return func(yield func(bson.Raw, error) bool) {
		if err := f.find(ctx, ns, filter, projection, yield); err != nil {
			yield(nil, findError(ns, err))
		}
	}
}

func (f *Finder) find(
	ctx context.Context, ns goatee.Namespace, filter, projection bson.D, yield func(bson.Raw, error) bool,
) error {
	raw := emptyDocument
	if filter != nil {
		var err error
		if raw, err = bson.Marshal(filter); err != nil {
			return &refusedError{ns, err}
		}
	}
	if len(raw) > mostFilter {
		// MongoDB would refuse it, or close the connection, which looks like an error that passes.
		return &refusedError{ns, fmt.Errorf("the filter is %d bytes large, more than the %d that MongoDB takes", len(raw), mostFilter)}
	}
	q := &query{Finder: f, ns: ns, filter: raw, projection: projection, yield: yield}
	return persist(ctx, f.health, func() error { return q.once(ctx) })
}

// mostFilter is the most bytes a filter may have: MongoDB's limit for a document.
const mostFilter = 16 << 20

var emptyDocument = bson.Raw{5, 0, 0, 0, 0}

// findError says what an error that trying again does not cure means for the user.
func findError(ns goatee.Namespace, err error) error {
	var already *refusedError
	switch {
	case errors.As(err, &already):
		return err
	case mongoerr.AccessDenied(err):
		return fmt.Errorf("find in %s: %w", ns, errAccess(err))
	case refused(err):
		return &refusedError{ns, err}
	}
	return fmt.Errorf("find in %s: %w", ns, cause(err))
}

// refusedError is an error that lies in a query or its documents.
type refusedError struct {
	namespace goatee.Namespace
	err       error
}

func (e *refusedError) Error() string { return fmt.Sprintf("find in %s: %v", e.namespace, e.err) }

func (e *refusedError) Unwrap() error { return e.err }

// QueryRefused returns true.
func (e *refusedError) QueryRefused() bool { return true }

// query is one call of Find.
type query struct {
	*Finder
	ns         goatee.Namespace
	filter     bson.Raw
	projection bson.D
	yield      func(bson.Raw, error) bool
}

// once reads with one cursor, to its end or until the reader wants no more.
func (q *query) once(ctx context.Context) error {
	at, err := clusterTime(ctx, q.client)
	if err != nil {
		return err
	}
	c, first, err := openCursor(ctx, q.client, q.ns.Database, q.command(at))
	if err != nil {
		return err
	}
	defer c.close(ctx)
	c.batchSize.Store(findBytes / fetchGuess)
	for reply, err := range c.replies(ctx, first) {
		if err != nil {
			return err
		}
		documents, more, err := q.hand(reply)
		if err != nil || !more {
			return err
		}
		if documents > 0 {
			c.batchSize.Store(max(1, findBytes*int64(documents)/int64(reply.size)))
		}
	}
	return nil
}

func (q *query) command(at primitive.Timestamp) bson.D {
	command := bson.D{
		{Key: "find", Value: q.ns.Collection},
		{Key: "filter", Value: q.filter},
		{Key: "batchSize", Value: findBytes / fetchGuess},
		readConcern(at),
	}
	if q.projection != nil {
		command = append(command, bson.E{Key: "projection", Value: q.projection})
	}
	return command
}

// hand yields the documents of a reply. It returns how many there were and whether the reader wants more.
func (q *query) hand(r reply) (n int, more bool, err error) {
	documents := bsonjson.NewReader(r.documents)
	for ; documents.Next(); n++ {
		v := documents.Value()
		if !q.yield(bson.Raw(v[:len(v):len(v)]), nil) {
			return n, false, nil
		}
	}
	return n, true, fatal(documents.Err())
}
