package transform

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
)

// Relation is a document's place in a join field.
type Relation struct {
	// Name is the name of the relation, such as "question" or "answer". Empty: the document has no join field.
	Name string
	// Parent is the parent's id in Elasticsearch; empty for a document at the top.
	Parent string
	// Routing is what the whole family is routed by. Default: the parent. With more than two generations it must be
	// the id of the one at the top, because all must be on one shard.
	Routing string
}

var errJoinName = errors.New("a join relation with a parent needs a name")

// Join makes documents parents and children of each other in a field of Elasticsearch's type join: it sets the field to
// {"name": …, "parent": …} and the routing that a child needs. f gets the document as the transformers before have left
// it; for a delete it gets the pre-image, when there is one, so that the delete is routed. Without pre-images a child's
// delete needs one of the sink's delete strategies. The index's mapping must declare the field.
func Join(field string, f func(*goatee.Document) (Relation, error)) goatee.Transformer {
	path, err := parsePath("Join", field)
	p := perAction(func(_ context.Context, c *goatee.Change, a *goatee.Action) error {
		d := ownState(c, a)
		if d == nil {
			return nil
		}
		r, err := f(d)
		if err != nil || r.Name == "" && r.Parent == "" {
			return err
		}
		if r.Name == "" {
			return errJoinName
		}
		a.Routing = r.Routing
		if a.Routing == "" {
			a.Routing = r.Parent
		}
		if document(a) == nil {
			return nil
		}
		var editor bsonedit.Editor
		return editAction(&editor, []bsonedit.Edit{bsonedit.Set(path, r.value())}, a)
	})
	if p.err = err; f == nil {
		p.err = noFunction("Join")
	}
	return p
}

// value returns the join field's value.
func (r *Relation) value() bson.RawValue {
	doc := bsonedit.AppendString(bsonedit.OpenDocument(nil), "name", r.Name)
	if r.Parent != "" {
		doc = bsonedit.AppendString(doc, "parent", r.Parent)
	}
	return bson.RawValue{Type: bsontype.EmbeddedDocument, Value: bsonedit.CloseDocument(doc, 0)}
}
