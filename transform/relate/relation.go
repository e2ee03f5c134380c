package relate

import (
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
	"github.com/goatee-sync/goatee/internal/valueset"
	"github.com/goatee-sync/goatee/transform"
)

// Relation makes changes of one collection bring documents of another collection or view: those whose MatchField equals
// the SrcField of the changed document are read and indexed. It is Monstache's [[relate]].
type Relation struct {
	// Namespace is the collection whose changes count, "database.collection".
	Namespace string
	// WithNamespace is the collection or view to read. A view must give each document the _id of one document of its
	// collection: see the package's comment on views that do not.
	WithNamespace string
	// SrcField is a dotted path in the changed document. Of an array each element counts. Default: "_id".
	SrcField string
	// MatchField is a field of WithNamespace, which should be indexed. Default: "_id".
	MatchField string
	// MatchFieldType converts the value before it is compared: "objectId", "string", "int", "long" or "decimal".
	// A value that cannot be converted matches nothing. Default: no conversion.
	MatchFieldType string
	// DotNotation compares a MatchField with dots as a path, {"a.b": v}. Default: false, which asks for the
	// sub-document that holds just that field, {a: {b: v}}.
	DotNotation bool
	// KeepSrc also indexes the changed document itself, if one relation of its Namespace says so. Default: false.
	KeepSrc bool
	// MaxDepth bounds chains of relations: the relation counts for documents that at most MaxDepth-1 relations have
	// brought. Default: 0, unlimited; a cycle ends when it comes to a value a second time.
	MaxDepth int
}

// relation is a Relation made ready.
type relation struct {
	Relation
	index    int
	ns, with goatee.Namespace
	src      bsonedit.Path
	match    bsonedit.Path
	convert  func(bson.RawValue) (bson.RawValue, bool)
	cyclic   bool // what it brings can lead back to it
}

// identity reports whether the related document is the changed one, seen through a view perhaps.
func (r *relation) identity() bool { return r.byID() && r.match.String() == "_id" }

// byID reports whether the source value is the _id, which every change has.
func (r *relation) byID() bool { return r.src.String() == "_id" }

func newRelations(given []Relation) ([]*relation, error) {
	var rs []*relation
	for i, x := range given {
		r, err := newRelation(x)
		if err != nil {
			return nil, err
		}
		r.index = i
		rs = append(rs, r)
	}
	for _, r := range rs {
		r.cyclic = reaches(rs, r.with, r.ns, map[goatee.Namespace]bool{})
	}
	return rs, nil
}

func newRelation(x Relation) (*relation, error) {
	r := &relation{Relation: x}
	var err error
	if r.ns, err = goatee.ParseNamespace(x.Namespace); err != nil {
		return nil, misuse("Relation.Namespace", err.Error(), "name the collection whose changes count")
	}
	if r.with, err = goatee.ParseNamespace(x.WithNamespace); err != nil {
		return nil, misuse("Relation.WithNamespace", err.Error(), "name the collection or view to read")
	}
	if r.src, err = parsePath("Relation.SrcField", x.SrcField); err != nil {
		return nil, err
	}
	if r.match, err = parsePath("Relation.MatchField", x.MatchField); err != nil {
		return nil, err
	}
	if x.MaxDepth < 0 {
		return nil, misuse("Relation.MaxDepth", strconv.Itoa(x.MaxDepth), "want 0 or more")
	}
	var ok bool
	if r.convert, ok = conversions[x.MatchFieldType]; !ok {
		return nil, misuse("Relation.MatchFieldType", strconv.Quote(x.MatchFieldType),
			"want objectId, string, int, long, decimal or nothing")
	}
	return r, nil
}

// parsePath splits a dotted path; an empty one is that of the _id.
func parsePath(setting, path string) (bsonedit.Path, error) {
	if path == "" {
		return bsonedit.Path{"_id"}, nil
	}
	p, err := bsonedit.ParsePath(path)
	if err != nil {
		return nil, misuse(setting, "path "+strconv.Quote(path), err.Error())
	}
	return p, nil
}

func misuse(setting, problem, remedy string) error {
	return &goatee.ConfigError{Setting: "relate." + setting, Problem: problem, Remedy: remedy}
}

// reaches reports whether relations lead from one namespace to another.
func reaches(rs []*relation, from, to goatee.Namespace, been map[goatee.Namespace]bool) bool {
	if from == to {
		return true
	}
	if been[from] {
		return false
	}
	been[from] = true
	for _, r := range rs {
		if r.ns == from && reaches(rs, r.with, to, been) {
			return true
		}
	}
	return false
}

// filter returns the query for documents that relate to one of the values.
func (r *relation) filter(values []bson.RawValue) bson.D {
	if r.DotNotation || len(r.match) == 1 {
		return valueset.Filter(r.match.String(), values)
	}
	nested := make([]bson.RawValue, len(values))
	for i, v := range values {
		for j := len(r.match) - 1; j > 0; j-- {
			doc := bsonedit.AppendField(bsonedit.OpenDocument(nil), v.Type, r.match[j], v.Value)
			v = bson.RawValue{Type: bsontype.EmbeddedDocument, Value: bsonedit.CloseDocument(doc, 0)}
		}
		nested[i] = v
	}
	return valueset.Filter(r.match[0], nested)
}

// values returns the source values of a change: of the document after it and, where there is a pre-image, before it, so
// that what related to a former value is read again too.
func (r *relation) values(c *goatee.Change) (*valueset.Set, error) {
	set := &valueset.Set{}
	if r.byID() {
		return set, r.add(c.ID, set)
	}
	for _, d := range []*goatee.Document{&c.Document, &c.Before} {
		raw, err := d.Raw()
		if err == nil && raw != nil {
			var v bson.RawValue
			if v, err = bsonedit.Lookup(raw, r.src); err == nil && v.Type != 0 {
				err = r.add(v, set)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("relate %s with %s: %s: %w", r.ns, r.with, r.src, err)
		}
	}
	return set, nil
}

func (r *relation) add(v bson.RawValue, set *valueset.Set) error {
	var each valueset.Set
	if err := each.AddEach(v); err != nil {
		return err
	}
	for _, v := range each.Values() {
		if v, ok := r.convert(v); ok {
			set.Add(v)
		}
	}
	return nil
}

// conversions are what MatchFieldType can say.
var conversions = map[string]func(bson.RawValue) (bson.RawValue, bool){
	"":         func(v bson.RawValue) (bson.RawValue, bool) { return v, true },
	"string":   toString,
	"objectId": toObjectID,
	"int":      toInt,
	"long":     toLong,
	"decimal":  toDecimal,
}

func toString(v bson.RawValue) (bson.RawValue, bool) {
	text, err := transform.Text(v)
	return encoded(text, err)
}

func toObjectID(v bson.RawValue) (bson.RawValue, bool) {
	if v.Type == bsontype.ObjectID {
		return v, true
	}
	text, _ := v.StringValueOK()
	id, err := primitive.ObjectIDFromHex(text)
	return encoded(id, err)
}

func toInt(v bson.RawValue) (bson.RawValue, bool) {
	n, err := number(v, 32)
	return encoded(int32(n), err)
}

func toLong(v bson.RawValue) (bson.RawValue, bool) {
	n, err := number(v, 64)
	return encoded(n, err)
}

func number(v bson.RawValue, bits int) (int64, error) {
	text, err := transform.Text(v)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, bits)
}

func toDecimal(v bson.RawValue) (bson.RawValue, bool) {
	text, err := transform.Text(v)
	if err != nil {
		return v, false
	}
	d, err := primitive.ParseDecimal128(text)
	return encoded(d, err)
}

func encoded(v any, err error) (bson.RawValue, bool) {
	if err != nil {
		return bson.RawValue{}, false
	}
	raw, err := bsonedit.EncodeValue(v)
	return raw, err == nil
}
