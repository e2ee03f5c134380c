package recipes

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/transform"
)

// The change for a deleted document has its _id and nothing else. There are three ways to delete the document from where a
// transformer has put it. Where collections record pre-images none of them is needed: see transform.AskOnDelete.

// ByRegion chooses index and routing of orders by their region.
func ByRegion(prefix string) goatee.Transformer {
	return transform.Edit(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
		if a.Kind == goatee.ActionDelete || a.Kind == goatee.ActionDrop {
			return nil
		}
		region, ok := a.Body().Lookup("region").StringValueOK()
		if !ok {
			return errors.New("the order has no region")
		}
		a.Index, a.Routing = prefix+region, region
		return nil
	})
}

// SearchingDeletes is delete strategy 0: it searches the indices for the document, for many deletes at once. Documents
// must keep their own ids.
func SearchingDeletes(bulk *sink.Bulk, indices string) (goatee.Sink, error) {
	return sink.NewStateless(bulk, bulk, sink.WithIndexPattern(indices))
}

// RememberingDeletes is delete strategy 1: a collection of MongoDB remembers where each document is, whatever its id.
func RememberingDeletes(bulk *sink.Bulk, places *mongo.Collection) (goatee.Sink, error) {
	store, err := sink.NewMongoMeta(places)
	if err != nil {
		return nil, err
	}
	return sink.NewStateful(bulk, bulk, store)
}

// NoDeletes is delete strategy 2: deletes are ignored.
func NoDeletes() goatee.Transformer {
	return transform.Skip(func(c *goatee.Change) bool { return c.Op == goatee.OpDelete })
}
