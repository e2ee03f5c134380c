package transform

import (
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// parsePath splits a dotted path.
func parsePath(constructor, path string) ([]string, error) {
	names := strings.Split(path, ".")
	for _, name := range names {
		if name == "" || strings.IndexByte(name, 0) >= 0 {
			return nil, misuse(constructor, "path "+quote(path), `want field names with dots between them, such as "customer.name"`)
		}
	}
	return names, nil
}

// lookup returns the value at a path; its type is 0 when there is none. A number names an element of an array.
func lookup(d *goatee.Document, path []string) (bson.RawValue, error) {
	if d.IsDecoded() {
		m, err := d.Map()
		if err != nil {
			return bson.RawValue{}, err
		}
		return lookupMap(m, path)
	}
	raw, err := d.Raw()
	if err != nil || raw == nil {
		return bson.RawValue{}, err
	}
	return lookupRaw(raw, path)
}

func lookupRaw(doc []byte, path []string) (bson.RawValue, error) {
	r := bsonjson.NewReader(doc)
	for r.Next() {
		switch {
		case string(r.Key()) != path[0]:
		case len(path) == 1:
			return bson.RawValue{Type: r.Type(), Value: r.Value()}, nil
		case nests(r.Type()):
			return lookupRaw(r.Value(), path[1:])
		default:
			return bson.RawValue{}, nil
		}
	}
	return bson.RawValue{}, r.Err()
}

// nests reports whether values of the type hold fields: documents and arrays.
func nests(t bsontype.Type) bool { return t == bsontype.EmbeddedDocument || t == bsontype.Array }

func lookupMap(m bson.M, path []string) (bson.RawValue, error) {
	v, ok := m[path[0]]
	if !ok {
		return bson.RawValue{}, nil
	}
	if fields, ok := asMap(v); ok && len(path) > 1 {
		return lookupMap(fields, path[1:])
	}
	value, err := encodeValue(v)
	switch {
	case err != nil:
		return bson.RawValue{}, err
	case len(path) == 1:
		return value, nil
	case nests(value.Type):
		return lookupRaw(value.Value, path[1:])
	}
	return bson.RawValue{}, nil
}

// encodeValue returns a Go value as BSON; the driver itself refuses a bare nil.
func encodeValue(v any) (bson.RawValue, error) {
	if v == nil {
		return bson.RawValue{Type: bsontype.Null}, nil
	}
	t, raw, err := bson.MarshalValue(v)
	return bson.RawValue{Type: t, Value: raw}, err
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

// decodeValue returns the Go value of a BSON value, sub-documents as bson.M.
func decodeValue(v bson.RawValue) (any, error) {
	doc := appendField([]byte{0, 0, 0, 0}, v.Type, "v", v.Value)
	m, err := bsonjson.DecodeMap(closeDocument(doc, 0))
	return m["v"], err
}

// Text returns a BSON value as the text that goatee would give an _id of that value: what to compare ids and routing
// values with. A missing value is the empty text, like null.
func Text(v bson.RawValue) (string, error) {
	if v.Type == 0 || v.Type == bsontype.Null || v.Type == bsontype.Undefined {
		return "", nil
	}
	var buf [64]byte
	text, err := bsonjson.AppendID(buf[:0], v.Type, v.Value, bsonjson.IDGoMap)
	return string(text), err
}

func joinPath(path []string) string { return strings.Join(path, ".") }
