package transform

import (
	"context"
	"reflect"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// Doc edits documents as maps. f may edit and return the map it gets, or return another one; it gets no deletes. nil
// deletes the document from Elasticsearch, as Drop does, so that no older form of it stays indexed. To ignore a change
// instead, use Skip.
//
// Doc is LatestOnly: the result of f must depend on the document alone.
func Doc(f func(context.Context, bson.M) (bson.M, error)) goatee.Transformer {
	p := perDocument(func(ctx context.Context, _ *goatee.Change, a *goatee.Action) error {
		m, err := a.Body().Map()
		if err != nil {
			return err
		}
		if m, err = f(ctx, m); err != nil {
			return err
		}
		if m == nil {
			MakeDelete(a)
			return nil
		}
		a.Document, err = goatee.DocumentOf(m)
		return err
	})
	if f == nil {
		p.err = noFunction("Doc")
	}
	return p
}

// Typed decodes documents into T, a struct with bson tags or a pointer to one, and writes what f returns: such a struct
// again, another one, a bson.M, a bson.D. nil deletes the document from Elasticsearch, as Doc does. A document that
// does not fit T fails. Typed is LatestOnly.
func Typed[T any](f func(context.Context, T) (any, error)) goatee.Transformer {
	p := perDocument(func(ctx context.Context, _ *goatee.Change, a *goatee.Action) error {
		var in T
		if err := a.Body().Decode(&in); err != nil {
			return err
		}
		out, err := f(ctx, in)
		if err != nil {
			return err
		}
		if isNil(out) {
			MakeDelete(a)
			return nil
		}
		a.Document, err = goatee.DocumentOf(out)
		return err
	})
	if f == nil {
		p.err = noFunction("Typed")
	}
	return p
}

// isNil reports whether v is nil or holds a nil pointer, map or slice.
func isNil(v any) bool {
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return r.IsNil()
	default:
		return false
	}
}

// Edit calls f for every action, deletes and drops too, with the change it comes from. f may set any field of the
// action; it reads and edits the document with a.Body, or replaces it by setting a.Document. It must not modify the
// change. Edit is not LatestOnly, because f sees the change; when f does not look at it, wrap Edit in Latest.
func Edit(f func(context.Context, *goatee.Change, *goatee.Action) error) goatee.Transformer {
	p := perAction(f)
	p.latest = false
	if f == nil {
		p.err = noFunction("Edit")
	}
	return p
}
