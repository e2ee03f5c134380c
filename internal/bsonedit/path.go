package bsonedit

import (
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Path leads to a field: one name for each level.
type Path []string

var errPath = errors.New(`want field names with dots between them, such as "customer.name"`)

// ParsePath splits a dotted path.
func ParsePath(s string) (Path, error) {
	path := Path(strings.Split(s, "."))
	for _, name := range path {
		if name == "" || strings.IndexByte(name, 0) >= 0 {
			return nil, errPath
		}
	}
	return path, nil
}

// String returns the dotted path.
func (p Path) String() string { return strings.Join(p, ".") }

// Lookup returns the value at a path; its type is 0 when there is none. A number names an element of an array.
func Lookup(doc []byte, path Path) (bson.RawValue, error) {
	r := bsonjson.NewReader(doc)
	for r.Next() {
		switch {
		case string(r.Key()) != path[0]:
		case len(path) == 1:
			return bson.RawValue{Type: r.Type(), Value: r.Value()}, nil
		case nests(r.Type()):
			return Lookup(r.Value(), path[1:])
		default:
			return bson.RawValue{}, nil
		}
	}
	return bson.RawValue{}, r.Err()
}

// nests reports whether values of the type hold fields: documents and arrays.
func nests(t bsontype.Type) bool { return t == bsontype.EmbeddedDocument || t == bsontype.Array }

// LookupMap is Lookup in a decoded document.
func LookupMap(m bson.M, path Path) (bson.RawValue, error) {
	v, ok := m[path[0]]
	if !ok {
		return bson.RawValue{}, nil
	}
	if fields, ok := asMap(v); ok && len(path) > 1 {
		return LookupMap(fields, path[1:])
	}
	value, err := EncodeValue(v)
	switch {
	case err != nil:
		return bson.RawValue{}, err
	case len(path) == 1:
		return value, nil
	case nests(value.Type):
		return Lookup(value.Value, path[1:])
	}
	return bson.RawValue{}, nil
}

// asMap returns a decoded sub-document that can be edited in place.
func asMap(v any) (bson.M, bool) {
	switch v := v.(type) {
	case bson.M:
		return v, v != nil
	case map[string]any:
		return v, v != nil
	}
	return nil, false
}

// asArray returns a decoded array.
func asArray(v any) (bson.A, bool) {
	switch v := v.(type) {
	case bson.A:
		return v, true
	case []any:
		return v, true
	}
	return nil, false
}
