package bsonjson

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// DecodeMap decodes doc into the Go types the driver uses for bson.M: nested
// documents are bson.M, arrays bson.A. Of fields with one name the last counts.
// Nesting is limited to 200 levels; malformed BSON is a [*SyntaxError].
//
// All names and strings share one copy of the document, which lives as long as
// any of them.
func DecodeMap(doc bson.Raw) (bson.M, error) {
	body, reason := documentBody(doc)
	if reason != "" {
		return nil, &SyntaxError{Reason: reason}
	}
	d := newDecoder(body, len(doc))
	m, ok := d.document(body, defaultMaxDepth)
	if !ok {
		return nil, d.err()
	}
	return m, nil
}

// decoder reads one document or value, with the conventions of transcoder.
type decoder struct {
	failure
	text string // a copy of the input from the first element on, for substrings
}

// newDecoder returns a decoder for the last bytes of a document of the given
// size. The capacity of body ends with it.
func newDecoder(body []byte, size int) decoder {
	return decoder{failure: failure{size: size}, text: string(body[:cap(body)])}
}

// string returns s, a slice of the document, without copying it again.
func (d *decoder) string(s []byte) string {
	start := len(d.text) - cap(s)
	return d.text[start : start+len(s)]
}

func (d *decoder) document(src []byte, depth int) (bson.M, bool) {
	if depth <= 0 {
		d.malformed(src, reasonDepth)
		return nil, false
	}
	m := make(bson.M, countElements(src))
	for len(src) > 0 {
		n := bytes.IndexByte(src[1:], 0)
		if n < 0 {
			d.malformed(src, reasonKey)
			return nil, false
		}
		key, value := src[1:1+n], src[n+2:]
		v, size := d.value(bsontype.Type(src[0]), value, depth)
		if size < 0 {
			d.within(string(key))
			return nil, false
		}
		m[d.string(key)] = v
		src = value[size:]
	}
	return m, true
}

func (d *decoder) array(src []byte, depth int) (bson.A, bool) {
	if depth <= 0 {
		d.malformed(src, reasonDepth)
		return nil, false
	}
	a := make(bson.A, 0, countElements(src))
	for len(src) > 0 {
		n := bytes.IndexByte(src[1:], 0)
		if n < 0 {
			d.malformed(src, reasonKey)
			return nil, false
		}
		value := src[n+2:]
		v, size := d.value(bsontype.Type(src[0]), value, depth)
		if size < 0 {
			d.within(strconv.Itoa(len(a)))
			return nil, false
		}
		a = append(a, v)
		src = value[size:]
	}
	return a, true
}

// countElements counts the elements in src up to the first malformed one.
func countElements(src []byte) (n int) {
	for r := readBody(src); r.Next(); n++ {
	}
	return n
}

// value decodes the value of type t at the start of src and returns its size.
func (d *decoder) value(t bsontype.Type, src []byte, depth int) (v any, size int) {
	switch t {
	case bsontype.EmbeddedDocument, bsontype.Array:
		body, size, reason := nestedBody(src)
		if reason != "" {
			d.malformed(src, reason)
			return nil, -1
		}
		var ok bool
		if t == bsontype.Array {
			v, ok = d.array(body, depth-1)
		} else {
			v, ok = d.document(body, depth-1)
		}
		if !ok {
			return nil, -1
		}
		return v, size
	case bsontype.CodeWithScope:
		return d.codeWithScope(src, depth)
	}
	size, reason := valueSize(t, src)
	if reason != "" {
		d.malformed(src, reason)
		return nil, -1
	}
	if t == bsontype.Boolean && src[0] > 1 {
		d.malformed(src, reasonBool)
		return nil, -1
	}
	return d.scalar(t, src), size
}

// scalar decodes a value that valueSize has found well-formed.
func (d *decoder) scalar(t bsontype.Type, src []byte) any {
	switch t {
	case bsontype.Double:
		return math.Float64frombits(binary.LittleEndian.Uint64(src))
	case bsontype.String:
		return d.stringValue(src)
	case bsontype.ObjectID:
		return primitive.ObjectID(src[:12])
	case bsontype.Boolean:
		return src[0] == 1
	case bsontype.DateTime:
		return primitive.DateTime(binary.LittleEndian.Uint64(src))
	case bsontype.Int32:
		return int32(binary.LittleEndian.Uint32(src))
	case bsontype.Int64:
		return int64(binary.LittleEndian.Uint64(src))
	case bsontype.Decimal128:
		return primitive.NewDecimal128(binary.LittleEndian.Uint64(src[8:]), binary.LittleEndian.Uint64(src))
	case bsontype.Binary:
		subtype, data, _ := binaryBody(src)
		return primitive.Binary{Subtype: subtype, Data: bytes.Clone(data)}
	case bsontype.Timestamp:
		return primitive.Timestamp{T: binary.LittleEndian.Uint32(src[4:]), I: binary.LittleEndian.Uint32(src)}
	case bsontype.Regex:
		pattern, options, _ := regexBody(src)
		return primitive.Regex{Pattern: d.string(pattern), Options: d.string(options)}
	case bsontype.JavaScript:
		return primitive.JavaScript(d.stringValue(src))
	case bsontype.Symbol:
		return primitive.Symbol(d.stringValue(src))
	case bsontype.DBPointer:
		ns, oid, _ := pointerBody(src)
		return primitive.DBPointer{DB: d.string(ns), Pointer: primitive.ObjectID(oid)}
	case bsontype.Undefined:
		return primitive.Undefined{}
	case bsontype.MinKey:
		return primitive.MinKey{}
	case bsontype.MaxKey:
		return primitive.MaxKey{}
	}
	return nil // Null
}

func (d *decoder) stringValue(src []byte) string {
	s, _ := stringBody(src)
	return d.string(s)
}

func (d *decoder) codeWithScope(src []byte, depth int) (any, int) {
	code, body, size := scopeBody(src)
	if size == 0 {
		d.malformed(src, reasonScope)
		return nil, -1
	}
	if depth <= 1 {
		d.malformed(src, reasonDepth)
		return nil, -1
	}
	scope := bson.D{}
	r := readBody(body)
	for r.Next() {
		v, n := d.value(r.Type(), r.Value(), depth-1)
		if n < 0 {
			d.within(string(r.Key()))
			return nil, -1
		}
		scope = append(scope, bson.E{Key: d.string(r.Key()), Value: v})
	}
	if r.reason != "" {
		d.malformed(r.rest(), r.reason)
		return nil, -1
	}
	return primitive.CodeWithScope{Code: primitive.JavaScript(d.string(code)), Scope: slices.Clip(scope)}, size
}
