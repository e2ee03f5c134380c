package transform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Lookup replaces references by the documents they refer to: the value of the local field is looked up in another
// collection, by _id unless WithForeignField says otherwise, and the document found takes its place, or that of
// WithTarget. An array of references becomes an array of documents. A document without the field, or with null, is left
// alone. Dotted paths lead into sub-documents, not into arrays of them.
//
//	transform.For("blog.posts", transform.Lookup(finder, "blog.users", "author",
//		transform.WithProjection(bson.D{{Key: "name", Value: 1}})))
//
// All references of a batch are looked up together, each once. MongoDB answers a query on a collection that does not
// exist with no documents: then every reference is one whose document is missing, see WithMissing. When the query fails,
// the changes that have references fail with its error.
//
// Lookup is LatestOnly: the other collection is read when the change is transformed, so an older change of the same
// document would be overwritten anyway. A later change of the document referred to does not bring a new look-up; that is
// what RelateSource is for.
func Lookup(f Finder, from, localField string, opts ...LookupOption) goatee.Transformer {
	l := &lookups{finder: f, foreign: []string{"_id"}}
	var err error
	if l.from, err = goatee.ParseNamespace(from); err != nil {
		l.fail(misuse("Lookup", err.Error(), "name the collection to look up in"))
	}
	if f == nil {
		l.fail(misuse("Lookup", "no Finder", "give it one"))
	}
	if l.local, err = parsePath("Lookup", localField); err != nil {
		l.fail(err)
	}
	l.target = l.local
	for _, o := range opts {
		o(l)
	}
	return l
}

// LookupOption changes how Lookup works.
type LookupOption func(*lookups)

// WithForeignField looks up by another field than _id, which should be indexed. Of several documents with one value the
// first found counts. Default: "_id".
func WithForeignField(path string) LookupOption {
	return func(l *lookups) { l.foreign = l.path("WithForeignField", path) }
}

// WithTarget sets the document found at another path and leaves the reference as it is. Default: the local field.
func WithTarget(path string) LookupOption {
	return func(l *lookups) { l.target = l.path("WithTarget", path) }
}

// WithProjection asks MongoDB for some fields only. It must not leave out the foreign field. Default: all fields.
func WithProjection(projection bson.D) LookupOption {
	return func(l *lookups) { l.projection = projection }
}

// WithMissing says what becomes of a reference whose document is not found. Default: MissingKeep.
func WithMissing(p MissingPolicy) LookupOption {
	return func(l *lookups) {
		if l.missing = p; p > MissingError {
			l.fail(misuse("WithMissing", fmt.Sprint(p), "want MissingKeep, MissingNull or MissingError"))
		}
	}
}

// WithCache remembers documents found, at most so many and for at most so long; what was not found is looked up again.
// Embedded documents may be older than MongoDB's by that time. Default: no cache.
func WithCache(entries int, ttl time.Duration) LookupOption {
	return func(l *lookups) {
		if entries < 1 || ttl <= 0 {
			l.fail(misuse("WithCache", fmt.Sprintf("%d entries for %s", entries, ttl), "want at least 1 and more than 0s"))
			return
		}
		l.cache = newCache(entries, ttl)
	}
}

// MissingPolicy says what becomes of a reference whose document is not found.
type MissingPolicy uint8

// The policies. The zero value leaves references as they are.
const (
	// MissingKeep leaves the reference; at another target there is nothing then.
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
	local      []string
	foreign    []string
	target     []string
	projection bson.D
	missing    MissingPolicy
	cache      *cache
	err        error
}

func (l *lookups) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

func (l *lookups) path(option, path string) []string {
	names, err := parsePath(option, path)
	if err != nil {
		l.fail(err)
	}
	return names
}

func (l *lookups) step() {}

// LatestOnly says that results depend on the newest state only.
func (l *lookups) LatestOnly() bool { return true }

// Check reports misuse.
func (l *lookups) Check(context.Context) error { return l.err }

// Transform looks up for one change.
func (l *lookups) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	return transformOne(ctx, l, c, actions)
}

// TransformBatch looks up for a batch.
func (l *lookups) TransformBatch(ctx context.Context, items []goatee.Item) error {
	if l.err != nil {
		return l.err
	}
	var refs valueSet
	l.eachReference(items, func(_ *goatee.Action, v bson.RawValue) error { return refs.addEach(v) })
	if len(refs.list) == 0 {
		return nil
	}
	found, err := l.find(ctx, &refs)
	e := &embedder{lookups: l, found: found, editor: editor{slab: slab{items: items, grow: averageSize(found)}}}
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
			if it.Err != nil || !writes(&it.Actions[j]) {
				continue
			}
			v, err := lookup(it.Actions[j].Body(), l.local)
			if err == nil && v.Type != 0 && v.Type != bsontype.Null {
				err = f(&it.Actions[j], v)
			}
			if err != nil {
				it.Err = err
			}
		}
	}
}

// find returns the documents found, by the key of the value that refers to them.
func (l *lookups) find(ctx context.Context, refs *valueSet) (map[string]bson.Raw, error) {
	found := make(map[string]bson.Raw, len(refs.list))
	ask := refs
	if l.cache != nil {
		ask = l.cache.get(refs, found)
	}
	for chunk := range ask.chunks {
		if err := l.query(ctx, chunk, refs, found); err != nil {
			return nil, fmt.Errorf("look up in %s: %w", l.from, err)
		}
	}
	if l.cache != nil {
		l.cache.put(ask, found)
	}
	return found, nil
}

func (l *lookups) query(ctx context.Context, values []bson.RawValue, refs *valueSet, found map[string]bson.Raw) error {
	filter := bson.D{{Key: joinPath(l.foreign), Value: bson.D{{Key: "$in", Value: values}}}}
	for doc, err := range l.finder.Find(ctx, l.from, filter, l.projection) {
		if err != nil {
			return err
		}
		v, err := lookupRaw(doc, l.foreign)
		if err != nil {
			return err
		}
		if v.Type == 0 && len(l.foreign) == 1 {
			return fmt.Errorf("a document without %s: the projection must not leave it out", l.foreign[0])
		}
		var keys valueSet
		if err := keys.addEach(v); err != nil {
			return err
		}
		own := append(bson.Raw(nil), doc...)
		for _, key := range keys.keys {
			if _, asked := refs.index[key]; asked && found[key] == nil {
				found[key] = own
			}
		}
	}
	return nil
}

// embedder puts the documents found into the actions of one batch.
type embedder struct {
	*lookups
	found  map[string]bson.Raw
	editor editor
}

func (e *embedder) embed(a *goatee.Action, ref bson.RawValue) error {
	value, ok, err := e.resolve(ref)
	if err != nil || !ok {
		return err
	}
	e.editor.edits = []edit{&set{path: e.target, value: value}}
	return e.editor.action(a)
}

// resolve returns what takes the place of a reference; ok is false when nothing does.
func (e *embedder) resolve(ref bson.RawValue) (value bson.RawValue, ok bool, err error) {
	if ref.Type == bsontype.Array {
		value, err = e.resolveArray(ref)
		return value, err == nil, err
	}
	doc := e.found[valueKey(ref)]
	switch {
	case doc != nil:
		return bson.RawValue{Type: bsontype.EmbeddedDocument, Value: doc}, true, nil
	case e.missing == MissingError:
		text, _ := Text(ref)
		return value, false, fmt.Errorf("%w: %s %s %q", ErrMissingReference, e.from, joinPath(e.foreign), text)
	case e.missing == MissingNull:
		return bson.RawValue{Type: bsontype.Null}, true, nil
	}
	return ref, false, nil
}

// resolveArray resolves each element; one that nothing is found for and that is to be kept stays a reference.
func (e *embedder) resolveArray(refs bson.RawValue) (bson.RawValue, error) {
	out := openDocument(nil)
	r := bsonjson.NewReader(refs.Value)
	for n := 0; r.Next(); n++ {
		v := bson.RawValue{Type: r.Type(), Value: r.Value()}
		if v.Type != bsontype.Null {
			var err error
			if v, _, err = e.resolve(v); err != nil {
				return bson.RawValue{}, err
			}
		}
		out = append(appendIndexHeader(out, v.Type, n), v.Value...)
	}
	return bson.RawValue{Type: bsontype.Array, Value: closeDocument(out, 0)}, r.Err()
}

func averageSize(docs map[string]bson.Raw) int {
	if len(docs) == 0 {
		return 0
	}
	n := 0
	for _, d := range docs {
		n += len(d)
	}
	return n/len(docs) + documentFrame
}
