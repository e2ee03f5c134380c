package source

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// findBytes is about how many bytes of documents one reply to a Finder holds.
const findBytes = 2 << 20

// Finder reads the documents that transformers look up and relations bring: it is a transform.Finder. It is safe for
// concurrent use.
type Finder struct {
	client *mongo.Client
	health *health
}

// NewFinder returns a Finder. It does no I/O.
func NewFinder(client *mongo.Client, opts ...FinderOption) (*Finder, error) {
	if client == nil {
		return nil, errors.New("source: NewFinder: the client is nil")
	}
	cfg, err := newFinderConfig(opts)
	if err != nil {
		return nil, err
	}
	return &Finder{client: client, health: newHealth("finder", &cfg)}, nil
}

// Find yields the documents of a collection or view that the filter matches, with the fields of the projection, all of
// them when it is nil; a nil filter matches every document. It reads from the primary, with read concern majority, what
// is not older than the moment of the call: nothing it yields is rolled back, and nothing is older than a change that was
// read before, even when there is a new primary in between.
//
// Any number of documents may match: replies hold about 2 MiB, never more than MongoDB's 16 MB, and two are in memory at
// most. What passes is tried again until ctx ends; documents yielded before that are then yielded again. An error is the
// last thing it yields. A collection that does not exist has no documents.
func (f *Finder) Find(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error] {
	return func(yield func(bson.Raw, error) bool) {
		q := &query{Finder: f, ns: ns, filter: filter, projection: projection, yield: yield}
		err := persist(ctx, f.health, func() error { return q.once(ctx) })
		if err != nil {
			yield(nil, fmt.Errorf("find in %s: %w", ns, explainFind(err)))
		}
	}
}

// explainFind says what an error that trying again does not cure means for the user.
func explainFind(err error) error {
	if code, _, ok := serverError(err); ok && (code == codeUnauthorized || code == codeAuthenticationFailed) {
		return errAccess(err)
	}
	return err
}

// query is one call of Find.
type query struct {
	*Finder
	ns                 goatee.Namespace
	filter, projection bson.D
	yield              func(bson.Raw, error) bool
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
	filter := q.filter
	if filter == nil {
		filter = bson.D{}
	}
	command := bson.D{
		{Key: "find", Value: q.ns.Collection},
		{Key: "filter", Value: filter},
		{Key: "batchSize", Value: findBytes / fetchGuess},
		{Key: "readConcern", Value: readConcern(at)},
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
