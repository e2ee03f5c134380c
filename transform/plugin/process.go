package plugin

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
)

// ProcessInput is what a Process function gets: the fields of a Monstache plug-in, but for the clients, over which the
// function closes:
//
//	plugin.Process(func(ctx context.Context, in *plugin.ProcessInput) error {
//		n, err := mongoClient.Database(in.Database).Collection("items").CountDocuments(ctx, bson.M{"order": in.ID})
//		...
//	})
type ProcessInput struct {
	// MapInput has the document as it came from MongoDB, in the driver's types: dates are primitive.DateTime, arrays
	// primitive.A. Its Operation can also be "d", with {_id} as the document, and "c": {drop: collection},
	// {dropDatabase: database} or {renameCollection: namespace, to: namespace}.
	MapInput
	// Timestamp is the cluster time of the change.
	Timestamp primitive.Timestamp

	change *goatee.Change
	added  []goatee.Action
}

// Add adds a bulk action to those of the change. It is written after them, in order, and acknowledged with them: a crash
// before that brings the change, and the call of the function, again. Its Change is set; an action without Document
// writes that of the change, one without Index or ID goes where the change goes, one without Version gets the change's
// cluster time, so that a replay changes nothing.
func (in *ProcessInput) Add(a goatee.Action) {
	a.Change = in.change
	in.added = append(in.added, a)
}

// Process calls f for every change that has actions, deletes and drops too, and adds the actions that f adds. f gets the
// document as it came from MongoDB, wherever Process is in a chain, and is not called for changes that earlier elements
// have ignored. An error fails the change with everything that was to be written for it. f is called again for changes
// that are read again after a crash.
//
// The pipeline waits for f, so that a slow f slows the sources down. Process is not LatestOnly.
func Process(f func(context.Context, *ProcessInput) error) goatee.Transformer {
	return newFunction("Process", f == nil, func(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		in, err := newProcessInput(c)
		if err != nil {
			return nil, err
		}
		if err := f(ctx, in); err != nil {
			return nil, err
		}
		return append(actions, in.added...), nil
	})
}

func newProcessInput(c *goatee.Change) (*ProcessInput, error) {
	m, err := processDocument(c)
	if err != nil {
		return nil, err
	}
	in := &ProcessInput{change: c, Timestamp: c.ClusterTime, MapInput: MapInput{
		Document:   m,
		Database:   c.Namespace.Database,
		Collection: c.Namespace.Collection,
		Namespace:  c.Namespace.String(),
		Operation:  operation(c.Op),
	}}
	if c.Update != nil {
		if in.UpdateDescription, err = c.Update.Map(); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func processDocument(c *goatee.Change) (bson.M, error) {
	switch c.Op {
	case goatee.OpDelete:
		id, err := bsonedit.DecodeValue(c.ID)
		return bson.M{"_id": id}, err
	case goatee.OpDrop:
		return bson.M{"drop": c.Namespace.Collection}, nil
	case goatee.OpDropDatabase:
		return bson.M{"dropDatabase": c.Namespace.Database}, nil
	case goatee.OpRename:
		m := bson.M{"renameCollection": c.Namespace.String()}
		if c.To != nil {
			m["to"] = c.To.String()
		}
		return m, nil
	default:
		return ownMap(&c.Document)
	}
}
