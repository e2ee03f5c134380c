package transform

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/valueset"
)

// Lookup replaces references by the documents they refer to: the value of the local field is looked up in another
// collection, by _id unless WithForeignField says otherwise, and the document found takes its place, or that of
// WithTarget. An array of references becomes an array of documents. A document without the field, or with null, is left
// alone. Dotted paths lead into sub-documents, not into arrays of them.
//
//	transform.For("blog.posts", transform.Lookup(finder, "blog.users", "author",
//		transform.WithProjection(bson.D{{Key: "name", Value: 1}})))
//
// All references of a batch are looked up together, each once. A collection that does not exist has no documents, so that
// every reference to it is one whose document is missing: see WithMissing.
//
// A reference is compared with the foreign field whatever it holds, also one that looks like an operator, such as
// {"$gt": ""}. When MongoDB refuses the query, for example because the collection is a view that divides by zero for one
// document, it is divided until it is known which references cannot be looked up, and only their changes fail. When the
// query fails for another reason, such as a missing permission, the changes that have references fail with its error.
//
// Lookup is LatestOnly: it reads the other collection when the change is transformed, so that an older change of the same
// document would give the same. A later change of the document referred to does not bring a new look-up: for that, see
// package relate.
func Lookup(f Finder, from, localField string, opts ...LookupOption) goatee.Transformer {
	l := &lookups{finder: f, foreign: bsonedit.Path{"_id"}}
	var err error
	if l.from, err = goatee.ParseNamespace(from); err != nil {
		l.fail(misuse("Lookup", err.Error(), "name the collection to look up in"))
	}
	if f == nil {
		l.fail(misuse("Lookup", "no Finder", "give it one"))
	}
	l.local, err = parsePath("Lookup", localField)
	l.fail(err)
	l.target = l.local
	for _, o := range opts {
		l.fail(o(l))
	}
	return l
}

// LookupOption changes how Lookup works. The error of an option is reported by Check.
type LookupOption func(*lookups) error

// WithForeignField looks up by another field than _id, which should be indexed. Of several documents with one value the
// first found counts. Default: "_id".
func WithForeignField(path string) LookupOption {
	return func(l *lookups) (err error) {
		l.foreign, err = parsePath("WithForeignField", path)
		return err
	}
}

// WithTarget sets the document found at another path and leaves the reference as it is. Default: the local field.
func WithTarget(path string) LookupOption {
	return func(l *lookups) (err error) {
		l.target, err = parsePath("WithTarget", path)
		return err
	}
}

// WithProjection asks MongoDB for some fields only. It must not leave out the foreign field. Default: all fields.
func WithProjection(projection bson.D) LookupOption {
	return func(l *lookups) error {
		l.projection = projection
		return nil
	}
}

// WithMissing says what becomes of a reference whose document is not found. Default: MissingKeep.
func WithMissing(p MissingPolicy) LookupOption {
	return func(l *lookups) error {
		if p > MissingError {
			return misuse("WithMissing", fmt.Sprint(p), "want MissingKeep, MissingNull or MissingError")
		}
		l.missing = p
		return nil
	}
}

// WithCache remembers documents that were found, up to a number of entries, each for ttl, so that an embedded document
// may be older than MongoDB's by ttl. What was not found is looked up again. Default: no cache.
func WithCache(entries int, ttl time.Duration) LookupOption {
	return func(l *lookups) error {
		if entries < 1 || ttl <= 0 {
			return misuse("WithCache", fmt.Sprintf("%d entries for %s", entries, ttl), "want at least 1 and more than 0s")
		}
		l.cache = newCache(entries, ttl)
		return nil
	}
}

// MissingPolicy says what becomes of a reference whose document is not found.
type MissingPolicy uint8

// The policies. The zero value leaves references as they are.
const (
	// MissingKeep leaves the reference, and sets nothing at another target.
	MissingKeep MissingPolicy = iota
	// MissingNull puts null in the document's place.
	MissingNull
	// MissingError fails the change with an error that wraps ErrMissingReference.
	MissingError
)

// ErrMissingReference is wrapped by the error of a change that refers to a document that is not there.
var ErrMissingReference = errors.New("the document referred to is missing")

type lookups struct {
	finder     Finder
	from       goatee.Namespace
	local      bsonedit.Path
	foreign    bsonedit.Path
	target     bsonedit.Path
	projection bson.D
	missing    MissingPolicy
	cache      *cache
	err        error // the first misuse
}

func (l *lookups) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *lookups) step() {}

// LatestOnly says that results depend on the newest state only.
func (l *lookups) LatestOnly() bool { return true }

// Check reports misuse.
func (l *lookups) Check(context.Context) error { return l.err }

// Instrument gives the Finder a logger and an observer, if it takes them.
func (l *lookups) Instrument(logger *slog.Logger, observer goatee.Observer) {
	if i, ok := l.finder.(goatee.Instrumented); ok {
		i.Instrument(logger, observer)
	}
}

// Transform looks up for one change.
func (l *lookups) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	return transformOne(ctx, l, c, actions)
}

// TransformBatch looks up for a batch.
func (l *lookups) TransformBatch(ctx context.Context, items []goatee.Item) error {
	if l.err != nil {
		return l.err
	}
	var refs valueset.Set
	l.eachReference(items, func(_ *goatee.Action, v bson.RawValue) error { return refs.AddEach(v) })
	if refs.Len() == 0 {
		return nil
	}
	e := embedder{lookups: l, found: make(map[string]bson.Raw, refs.Len())}
	err := e.find(ctx, &refs)
	e.editor.Expect(editedSize(items, averageSize(e.found)))
	l.eachReference(items, func(a *goatee.Action, v bson.RawValue) error {
		if err != nil {
			return err
		}
		return e.embed(a, v)
	})
	return nil
}

// eachReference calls f with every action that has a reference. An error fails the item.
func (l *lookups) eachReference(items []goatee.Item, f func(*goatee.Action, bson.RawValue) error) {
	for i := range items {
		it := &items[i]
		for j := range it.Actions {
			d := document(&it.Actions[j])
			if it.Err != nil || d == nil {
				continue
			}
			v, err := lookup(d, l.local)
			if err == nil && v.Type != 0 && v.Type != bsontype.Null {
				err = f(&it.Actions[j], v)
			}
			if err != nil {
				it.Err = err
			}
		}
	}
}

// embedder looks up the references of one batch and puts the documents found into its actions.
type embedder struct {
	*lookups
	found  map[string]bson.Raw // by the key of the value that refers to it
	failed map[string]error    // values that cannot be looked up
	editor bsonedit.Editor
}

func (e *embedder) find(ctx context.Context, refs *valueset.Set) error {
	ask := refs
	if e.cache != nil {
		ask = e.cache.get(refs, e.found)
	}
	query := func(values []bson.RawValue) error { return e.query(ctx, values, refs) }
	for chunk := range ask.Chunks {
		if err := valueset.Isolate(chunk, query, e.fail); err != nil {
			return fmt.Errorf("look up in %s: %w", e.from, err)
		}
	}
	if e.cache != nil {
		e.cache.put(ask, e.found)
	}
	return nil
}

// fail remembers that a value cannot be looked up.
func (e *embedder) fail(v bson.RawValue, err error) {
	if e.failed == nil {
		e.failed = map[string]error{}
	}
	e.failed[valueset.Key(v)] = fmt.Errorf("look up %s in %s by %s: %w", valueset.Text(v), e.from, e.foreign, err)
}

// query adds what one query finds.
func (e *embedder) query(ctx context.Context, values []bson.RawValue, refs *valueset.Set) error {
	for doc, err := range e.finder.Find(ctx, e.from, valueset.Filter(e.foreign.String(), values), e.projection) {
		if err != nil {
			return err
		}
		v, err := bsonedit.Lookup(doc, e.foreign)
		if err != nil {
			return err
		}
		if v.Type == 0 && len(e.foreign) == 1 {
			return fmt.Errorf("a document without %s: the projection must not leave it out", e.foreign)
		}
		var keys valueset.Set
		if err := keys.AddEach(v); err != nil {
			return err
		}
		own := append(bson.Raw(nil), doc...)
		for _, key := range keys.Keys() {
			if refs.Has(key) && e.found[key] == nil {
				e.found[key] = own
			}
		}
	}
	return nil
}

func (e *embedder) embed(a *goatee.Action, ref bson.RawValue) error {
	value, ok, err := e.resolve(ref)
	if err != nil || !ok {
		return err
	}
	return editAction(&e.editor, []bsonedit.Edit{bsonedit.Set(e.target, value)}, a)
}

// resolve returns what takes the place of a reference; ok is false when the reference stays.
func (e *embedder) resolve(ref bson.RawValue) (value bson.RawValue, ok bool, err error) {
	if ref.Type == bsontype.Array {
		value, err = e.resolveArray(ref)
		return value, err == nil, err
	}
	key := valueset.Key(ref)
	if doc := e.found[key]; doc != nil {
		return bson.RawValue{Type: bsontype.EmbeddedDocument, Value: doc}, true, nil
	}
	switch err := e.failed[key]; {
	case err != nil:
		return value, false, err
	case e.missing == MissingError:
		return value, false, fmt.Errorf("%w: %s %s %s", ErrMissingReference, e.from, e.foreign, valueset.Text(ref))
	case e.missing == MissingNull:
		return bson.RawValue{Type: bsontype.Null}, true, nil
	}
	return ref, false, nil
}

// resolveArray resolves each element; one whose document is missing stays a reference under MissingKeep.
func (e *embedder) resolveArray(refs bson.RawValue) (bson.RawValue, error) {
	out := bsonedit.OpenDocument(nil)
	r := bsonjson.NewReader(refs.Value)
	for n := 0; r.Next(); n++ {
		v := bson.RawValue{Type: r.Type(), Value: r.Value()}
		if v.Type != bsontype.Null {
			var err error
			if v, _, err = e.resolve(v); err != nil {
				return bson.RawValue{}, err
			}
		}
		out = bsonedit.AppendElement(out, v.Type, n, v.Value)
	}
	return bson.RawValue{Type: bsontype.Array, Value: bsonedit.CloseDocument(out, 0)}, r.Err()
}

// averageSize is about by how many bytes an embedded document makes another one longer.
func averageSize(docs map[string]bson.Raw) int {
	if len(docs) == 0 {
		return 0
	}
	n := 0
	for _, d := range docs {
		n += len(d)
	}
	return n / len(docs)
}
