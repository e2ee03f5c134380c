package transform

import (
	"errors"
	"fmt"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Relate makes changes of one collection bring documents of another collection or view: those whose MatchField equals
// the SrcField of the changed document are read and indexed. It is Monstache's [[relate]].
type Relate struct {
	// Namespace is the collection whose changes count, "database.collection".
	Namespace string
	// WithNamespace is the collection or view to read.
	WithNamespace string
	// SrcField is a dotted path in the changed document. Default: "_id". Of an array each element counts.
	SrcField string
	// MatchField is a field of WithNamespace, which should be indexed. Default: "_id".
	MatchField string
	// MatchFieldType converts the value before it is compared: "objectId", "string", "int", "long" or "decimal".
	// What cannot be converted matches nothing. Default: no conversion.
	MatchFieldType string
	// DotNotation compares a MatchField with dots as a path, {"a.b": v}. Default: false, which asks for the
	// sub-document that holds just that field, {a: {b: v}}.
	DotNotation bool
	// KeepSrc also indexes the changed document itself. It does so when one relation of Namespace says so.
	// Default: false.
	KeepSrc bool
	// MaxDepth bounds chains of relations: the relation counts for documents that at most MaxDepth-1 relations have
	// brought. Default: 0, unlimited; a cycle ends where a value comes round again.
	MaxDepth int
}

// relation is a Relate made ready.
type relation struct {
	Relate
	index    int
	ns, with goatee.Namespace
	src      []string
	match    []string
	convert  func(bson.RawValue) (bson.RawValue, bool)
	cyclic   bool // what it brings can lead back to it
}

// identity reports whether the related document is the changed one, seen through a view perhaps.
func (r *relation) identity() bool { return joinPath(r.src) == "_id" && joinPath(r.match) == "_id" }

func newRelations(relates []Relate) ([]*relation, error) {
	var rs []*relation
	for i, x := range relates {
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

func newRelation(x Relate) (*relation, error) {
	r := &relation{Relate: x}
	var err error
	if r.ns, err = goatee.ParseNamespace(x.Namespace); err != nil {
		return nil, misuse("Relate", err.Error(), "set Namespace")
	}
	if r.with, err = goatee.ParseNamespace(x.WithNamespace); err != nil {
		return nil, misuse("Relate", err.Error(), "set WithNamespace")
	}
	if r.src, err = parsePath("Relate", orID(x.SrcField)); err != nil {
		return nil, err
	}
	if r.match, err = parsePath("Relate", orID(x.MatchField)); err != nil {
		return nil, err
	}
	if x.MaxDepth < 0 {
		return nil, misuse("Relate", "MaxDepth "+strconv.Itoa(x.MaxDepth), "want 0 or more")
	}
	var ok bool
	if r.convert, ok = conversions[x.MatchFieldType]; !ok {
		return nil, misuse("Relate", "MatchFieldType "+quote(x.MatchFieldType),
			"want objectId, string, int, long, decimal or nothing")
	}
	return r, nil
}

func orID(field string) string {
	if field == "" {
		return "_id"
	}
	return field
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
		return bson.D{{Key: joinPath(r.match), Value: bson.D{{Key: "$in", Value: values}}}}
	}
	nested := make(bson.A, len(values))
	for i, v := range values {
		var d any = v
		for j := len(r.match) - 1; j > 0; j-- {
			d = bson.D{{Key: r.match[j], Value: d}}
		}
		nested[i] = d
	}
	return bson.D{{Key: r.match[0], Value: bson.D{{Key: "$in", Value: nested}}}}
}

// values adds the source values of a change: of the document after it and, where there is a pre-image, before it, so
// that what related to a former value is read again too.
func (r *relation) values(c *goatee.Change, set *valueSet) error {
	if joinPath(r.src) == "_id" {
		return r.add(c.ID, set)
	}
	for _, d := range []*goatee.Document{&c.Document, &c.Before} {
		v, err := lookup(d, r.src)
		if err == nil && v.Type != 0 {
			err = r.add(v, set)
		}
		if err != nil {
			return fmt.Errorf("relate %s by %s: %w", r.ns, joinPath(r.src), err)
		}
	}
	return nil
}

func (r *relation) add(v bson.RawValue, set *valueSet) error {
	var each valueSet
	if err := each.addEach(v); err != nil {
		return err
	}
	for _, v := range each.list {
		if v, ok := r.convert(v); ok {
			set.add(v)
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
	text, err := Text(v)
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
	text, err := Text(v)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, bits)
}

func toDecimal(v bson.RawValue) (bson.RawValue, bool) {
	text, err := Text(v)
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
	raw, err := encodeValue(v)
	return raw, err == nil
}

// relatedID returns the _id of a related document.
func relatedID(doc bson.Raw) (bson.RawValue, error) {
	t, value, ok := bsonjson.FindID(doc)
	if !ok {
		return bson.RawValue{}, errors.New("a related document without _id")
	}
	return bson.RawValue{Type: t, Value: value}, nil
}
