package plugin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// MapInput is what the Map and Filter functions of a Monstache plug-in get, field for field but for the MongoDB client:
// a function that wants one closes over it.
type MapInput struct {
	// Document is the document, sub-documents as map[string]any, arrays as []any, dates as time.Time in UTC.
	Document map[string]any
	// Database, Collection and Namespace say where the change happened.
	Database, Collection, Namespace string
	// Operation is "i" for inserts and documents of a direct read, "u" for updates and replacements.
	Operation string
	// UpdateDescription holds updatedFields, removedFields and truncatedArrays of an update; nil for everything else.
	UpdateDescription map[string]any
}

// MapOutput says what becomes of a document, with the fields of a Monstache plug-in. Zero values change nothing.
type MapOutput struct {
	// Document replaces the document. It must be set unless Passthrough, Skip or Drop is.
	Document map[string]any
	// Index, ID, Routing and Pipeline set the action's.
	Index, ID, Routing, Pipeline string
	// Type is accepted and not sent: Elasticsearch has no types any more.
	Type string
	// Parent makes the change fail: Elasticsearch from 7 on has no _parent. Make a join field with transform.Join.
	Parent string
	// Version and VersionType ("internal", "external", "external_gte") set the version.
	Version     int64
	VersionType string
	// RetryOnConflict is for update actions.
	RetryOnConflict int
	// Drop deletes the document from Elasticsearch.
	Drop bool
	// Skip ignores the change.
	Skip bool
	// Passthrough writes the document as it was, with the metadata above.
	Passthrough bool
}

var (
	errNoOutput = errors.New("Map returned no Document: set it, or Passthrough, Skip or Drop")
	errParent   = errors.New("Map returned a Parent, which Elasticsearch rejects: make a join field with transform.Join")
)

// Map takes the Map function of a Monstache plug-in. It is called for inserts, updates, replacements and reads; for each
// action when there are several. A nil output writes the document as it was. f gets a document of its own: edits count
// only when it returns them. Unlike in Monstache, Drop is a delete for inserts too, so that a replay ends the same.
//
// Map is not LatestOnly, because f sees the update description. When f does not look at it, wrap Map in transform.Latest.
func Map(f func(*MapInput) (*MapOutput, error)) goatee.Transformer {
	return newFunction("Map", f == nil, func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		if !c.Op.HasDocument() {
			return actions, nil
		}
		kept := actions[:0]
		for i := range actions {
			keep, err := mapAction(f, c, &actions[i])
			if err != nil {
				return nil, err
			}
			if keep {
				kept = append(kept, actions[i])
			}
		}
		return kept, nil
	})
}

// mapAction calls f for one action; keep is false when there is nothing left to do.
func mapAction(f func(*MapInput) (*MapOutput, error), c *goatee.Change, a *goatee.Action) (keep bool, err error) {
	if !transform.Writes(a) {
		return true, nil
	}
	in, err := newMapInput(c, a.Body())
	if err != nil {
		return false, err
	}
	out, err := f(in)
	if err != nil {
		return false, err
	}
	return out.applyTo(a)
}

// Filter takes the Filter function of a Monstache plug-in: where it returns false the change is ignored, as by
// transform.Keep. It is called for inserts, updates, replacements and reads, with the document as it came from MongoDB. An
// error fails the change. Filter is not LatestOnly.
func Filter(f func(*MapInput) (keep bool, err error)) goatee.Transformer {
	return newFunction("Filter", f == nil, func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		if !c.Op.HasDocument() || c.Document.IsZero() {
			return actions, nil
		}
		in, err := newMapInput(c, &c.Document)
		if err != nil {
			return nil, err
		}
		if keep, err := f(in); err != nil || !keep {
			return nil, err
		}
		return actions, nil
	})
}

func newMapInput(c *goatee.Change, d *goatee.Document) (*MapInput, error) {
	m, err := ownMap(d)
	if err != nil {
		return nil, err
	}
	in := &MapInput{
		Document:   plainMap(m),
		Database:   c.Namespace.Database,
		Collection: c.Namespace.Collection,
		Namespace:  c.Namespace.String(),
		Operation:  operation(c.Op),
	}
	if c.Update != nil {
		u, err := c.Update.Map()
		if err != nil {
			return nil, err
		}
		in.UpdateDescription = plainMap(u)
	}
	return in, nil
}

// ownMap decodes a document into a map that nobody else holds.
func ownMap(d *goatee.Document) (bson.M, error) {
	raw, err := d.Raw()
	if err != nil {
		return nil, err
	}
	own := goatee.NewDocument(raw)
	return own.Map()
}

// operation returns Monstache's letter for an operation.
func operation(op goatee.Op) string {
	switch op {
	case goatee.OpInsert, goatee.OpRead:
		return "i"
	case goatee.OpUpdate, goatee.OpReplace:
		return "u"
	case goatee.OpDelete:
		return "d"
	default:
		return "c"
	}
}

// applyTo sets on the action what the output says; keep is false when there is nothing left to do.
func (o *MapOutput) applyTo(a *goatee.Action) (keep bool, err error) {
	switch {
	case o == nil:
		return true, nil
	case o.Skip:
		return false, nil
	case o.Parent != "":
		return false, errParent
	}
	if err := o.setMetadata(a); err != nil {
		return false, err
	}
	switch {
	case o.Drop:
		transform.MakeDelete(a)
	case o.Passthrough:
	case o.Document == nil:
		return false, errNoOutput
	default:
		a.Document, err = goatee.DocumentOf(bson.M(o.Document))
	}
	return true, err
}

func (o *MapOutput) setMetadata(a *goatee.Action) error {
	setText(&a.Index, o.Index)
	setText(&a.ID, o.ID)
	setText(&a.Routing, o.Routing)
	setText(&a.Pipeline, o.Pipeline)
	if o.Version != 0 {
		a.Version = o.Version
	}
	if o.RetryOnConflict < 0 || o.RetryOnConflict > math.MaxInt32 {
		return fmt.Errorf("Map returned RetryOnConflict %d: want 0 or more", o.RetryOnConflict)
	}
	if o.RetryOnConflict != 0 {
		a.RetryOnConflict = int32(o.RetryOnConflict)
	}
	switch o.VersionType {
	case "":
	case "external":
		a.VersionType = goatee.VersionExternal
	case "external_gte":
		a.VersionType = goatee.VersionExternalGTE
	case "internal":
		a.VersionType = goatee.VersionInternal
	default:
		return fmt.Errorf("Map returned VersionType %q: want internal, external or external_gte", o.VersionType)
	}
	return nil
}

func setText(field *string, value string) {
	if value != "" {
		*field = value
	}
}

// plainMap turns what the driver decodes into what plug-ins know, in place: maps, slices and times.
func plainMap(m bson.M) map[string]any {
	for name, v := range m {
		m[name] = plain(v)
	}
	return m
}

func plain(v any) any {
	switch v := v.(type) {
	case bson.M:
		return plainMap(v)
	case bson.A:
		for i := range v {
			v[i] = plain(v[i])
		}
		return []any(v)
	case primitive.DateTime:
		return v.Time().UTC()
	case time.Time:
		return v.UTC()
	}
	return v
}
