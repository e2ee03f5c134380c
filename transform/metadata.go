package transform

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
)

// The transformers of this file read the document as the transformers before have left it. For a delete they read the
// document before the change, when the collection records pre-images, so that the delete goes to where the document is.

// Routing sets the routing value that f returns for a document; "" for none.
func Routing(f func(*goatee.Document) (string, error)) goatee.Transformer {
	return textOf("Routing", f, func(a *goatee.Action, text string) { a.Routing = text })
}

// RoutingField routes documents by the text of a field, as Text gives it. A document without the field has no routing.
func RoutingField(path string) goatee.Transformer {
	return fieldText("RoutingField", path, func(a *goatee.Action, text string) { a.Routing = text })
}

// ID sets the document's id in Elasticsearch; "" for the default, the text of _id. Deletes without pre-image go to the
// default id.
func ID(f func(*goatee.Document) (string, error)) goatee.Transformer {
	return textOf("ID", f, func(a *goatee.Action, text string) { a.ID = text })
}

// IDField is ID with the text of a field, as Text gives it.
func IDField(path string) goatee.Transformer {
	return fieldText("IDField", path, func(a *goatee.Action, text string) { a.ID = text })
}

func textOf(constructor string, f func(*goatee.Document) (string, error), set func(*goatee.Action, string)) goatee.Transformer {
	p := perAction(func(_ context.Context, c *goatee.Change, a *goatee.Action) error {
		d := ownState(c, a)
		if d == nil {
			return nil
		}
		text, err := f(d)
		if err == nil {
			set(a, text)
		}
		return err
	})
	if f == nil {
		p.err = noFunction(constructor)
	}
	return p
}

func fieldText(constructor, path string, set func(*goatee.Action, string)) goatee.Transformer {
	names, err := parsePath(constructor, path)
	p := perAction(func(_ context.Context, c *goatee.Change, a *goatee.Action) error {
		d := stateOf(c, a)
		if d == nil {
			return nil
		}
		v, err := lookup(d, names)
		if err != nil {
			return err
		}
		text, err := Text(v)
		if err == nil {
			set(a, text)
		}
		return err
	})
	p.err = err
	return p
}

// stateOf returns the document that decides about an action's metadata, or nil when there is none. It is for reading only,
// as it may be that of the change.
func stateOf(c *goatee.Change, a *goatee.Action) *goatee.Document {
	switch {
	case Writes(a):
		return document(a)
	case a.Kind == goatee.ActionDelete && !c.Document.IsZero():
		return &c.Document // dropped by an earlier transformer
	case a.Kind == goatee.ActionDelete && !c.Before.IsZero():
		return &c.Before
	}
	return nil
}

// ownState is stateOf for users' functions, which get a document of the action's own.
func ownState(c *goatee.Change, a *goatee.Action) *goatee.Document {
	if Writes(a) {
		return a.Body()
	}
	d := stateOf(c, a)
	if d == nil {
		return nil
	}
	own := *d
	return &own
}

// Pipeline runs documents through an ingest pipeline of Elasticsearch, except where an action has one already. The
// function Pipeline of a Monstache plug-in is something else: it returns aggregation pipelines of MongoDB, and is an option
// of the sources.
func Pipeline(name string) goatee.Transformer {
	p := perDocument(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
		if a.Pipeline == "" {
			a.Pipeline = name
		}
		return nil
	})
	if name == "" {
		p.err = misuse("Pipeline", "no name", "name an ingest pipeline")
	}
	return p
}

// RetryOnConflict says how often Elasticsearch itself retries an update action that conflicts with another, 0 to 1000
// times. It has no effect on other actions.
func RetryOnConflict(n int) goatee.Transformer {
	p := perDocument(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
		if a.Kind == goatee.ActionUpdate {
			a.RetryOnConflict = int32(n)
		}
		return nil
	})
	if n < 0 || n > maxRetries {
		p.err = misuse("RetryOnConflict", fmt.Sprint(n), fmt.Sprintf("want 0 to %d", maxRetries))
	}
	return p
}

const maxRetries = 1000

// Version takes the external version of documents from a field: a whole number, or a date, of which it takes the
// milliseconds. A document without one fails. Such versions cannot be compared with cluster times, so that a delete
// without a pre-image is sent without a version, and the order of writes decides.
func Version(path string, t goatee.VersionType) goatee.Transformer {
	names, err := parsePath("Version", path)
	p := perAction(func(_ context.Context, c *goatee.Change, a *goatee.Action) error {
		d := stateOf(c, a)
		if d == nil {
			if a.Kind == goatee.ActionDelete {
				a.VersionType = goatee.VersionInternal
			}
			return nil
		}
		v, err := lookup(d, names)
		if err != nil {
			return err
		}
		n, ok := versionNumber(v)
		if !ok || n <= 0 {
			return fmt.Errorf("version from %q: want a whole number above 0 or a date", path)
		}
		a.Version, a.VersionType = n, t
		return nil
	})
	if p.err = err; err == nil && t != goatee.VersionExternal && t != goatee.VersionExternalGTE {
		p.err = misuse("Version", "version type "+t.String(), "want external or external_gte")
	}
	return p
}

// versionNumber returns the value of a whole number, a date or a timestamp.
func versionNumber(v bson.RawValue) (int64, bool) {
	switch v.Type {
	case bsontype.DateTime:
		return v.DateTime(), true
	case bsontype.Timestamp:
		t, i := v.Timestamp()
		c := goatee.Change{ClusterTime: primitive.Timestamp{T: t, I: i}}
		return c.Version(), true
	}
	return bsonedit.WholeNumber(v)
}
