package transform

import (
	"context"
	"iter"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// Finder reads documents from MongoDB, for Lookup and for the relations of package relate; source.NewFinder returns one.
type Finder interface {
	// Find yields the documents of a collection or view that the filter matches, read from the primary, with the
	// fields of the projection, all of them when it is nil. What it yields is valid until the next one. It retries by
	// itself what may pass until ctx ends, and may then yield a document again. It is called by several goroutines.
	//
	// An error is the last thing it yields. One that is interface{ QueryRefused() bool }, and says true, means that
	// MongoDB refuses the query because of the values it asks for or the documents it meets, such as a view that divides
	// by zero: then it is asked again with fewer of the values, and only what needs those that cannot be asked for fails.
	// Any other error is one of the connection or of permissions and is passed on as it is.
	Find(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error]
}

// FindFunc makes a function a Finder.
type FindFunc func(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error]

// Find calls f.
func (f FindFunc) Find(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error] {
	return f(ctx, ns, filter, projection)
}
