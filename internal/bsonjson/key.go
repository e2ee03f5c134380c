package bsonjson

import (
	"bytes"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// maxSiblings bounds how many fields of a document are compared with one dotted
// name. An index allows 1000 fields by default.
const maxSiblings = 2000

const (
	reasonBlankKey    = "field name is empty or blank, or has dots without a name between them"
	reasonMetadataKey = "field name is that of an Elasticsearch metadata field"
	reasonClash       = "dotted field name clashes with another field"
)

// isID reports whether the element that src starts with is named _id.
func isID(src []byte) bool {
	return len(src) > 4 && string(src[1:5]) == "_id\x00"
}

// inspect looks at the element that src starts with, one of those in all. It
// tells the element's size, if the element is to be skipped.
func (t *transcoder) inspect(all, src []byte, depth int) (size int, skip bool) {
	top := depth == t.MaxDepth
	n := bytes.IndexByte(src[1:], 0)
	if n < 0 {
		t.malformed(src, reasonKey)
		return -1, false
	}
	typ, key, value := bsontype.Type(src[0]), src[1:1+n], src[n+2:]
	if depth == t.idDepth && string(key) == "_id" {
		size, reason := valueSize(typ, value)
		if reason != "" {
			t.malformed(value, reason)
			t.within("_id")
			return -1, false
		}
		return n + 2 + size, true
	}
	if t.Prune && !representable(typ, value, &t.Options) {
		return n + 2 + 8, true
	}
	if t.Keys == KeysRefuse {
		if reason := refusedKey(key, top); reason != "" {
			t.refuse(reason)
			t.within(string(key))
			return -1, false
		}
		if bytes.IndexByte(key, '.') >= 0 && clashes(all, key, typ, depth) {
			t.refuse(reasonClash)
			t.within(string(key))
			return -1, false
		}
	}
	return 0, false
}

// refusedKey returns why Elasticsearch refuses a field name, or "".
func refusedKey(key []byte, top bool) string {
	if top && isMetadata(key) {
		return reasonMetadataKey
	}
	for rest := key; ; {
		segment, tail, more := bytes.Cut(rest, []byte{'.'})
		if len(bytes.TrimSpace(segment)) == 0 {
			return reasonBlankKey
		}
		if !more {
			return ""
		}
		rest = tail
	}
}

// isMetadata reports whether a top-level field of that name is refused by
// Elasticsearch 7.
func isMetadata(key []byte) bool {
	switch string(key) {
	case "_id", "_index", "_type", "_source", "_routing", "_field_names", "_ignored",
		"_seq_no", "_primary_term", "_version", "_nested_path", "_tier":
		return true
	}
	return false
}

// clashes reports whether another of the elements in src makes an object of
// what the dotted key makes a value, or the other way round.
func clashes(src, key []byte, typ bsontype.Type, depth int) bool {
	r := readBody(src)
	for range maxSiblings {
		if !r.Next() {
			return false
		}
		if len(r.Key()) == len(key) && bytes.Equal(r.Key(), key) {
			if decisive(typ) && decisive(r.Type()) && isObject(typ) != isObject(r.Type()) {
				return true
			}
			continue
		}
		if len(r.Key()) >= len(key) || key[len(r.Key())] != '.' || !bytes.HasPrefix(key, r.Key()) {
			continue
		}
		if !decisive(r.Type()) {
			continue
		}
		if !isObject(r.Type()) {
			return true
		}
		if r.Type() != bsontype.EmbeddedDocument {
			continue
		}
		body, _, reason := nestedBody(r.Value())
		if reason == "" && depth > 1 && clashes(body, key[len(r.Key())+1:], typ, depth-1) {
			return true
		}
	}
	return false
}

// decisive reports whether a value tells Elasticsearch if its field is an
// object: null does not, and an array may hold either.
func decisive(typ bsontype.Type) bool {
	return typ != bsontype.Null && typ != bsontype.Array
}

// isObject reports whether a value is written as a JSON object.
func isObject(typ bsontype.Type) bool {
	switch typ {
	case bsontype.EmbeddedDocument, bsontype.Regex, bsontype.DBPointer, bsontype.CodeWithScope,
		bsontype.Timestamp, bsontype.MinKey, bsontype.MaxKey, bsontype.Undefined:
		return true
	}
	return false
}

// replacedKey is key under KeysReplace.
func (t *transcoder) replacedKey(dst, src []byte, depth int) ([]byte, int) {
	n := bytes.IndexByte(src, 0)
	if n < 0 {
		return dst, -1
	}
	return append(appendReplacedKey(dst, src[:n], depth == t.MaxDepth), ':'), n
}

// appendReplacedKey appends a quoted field name that Elasticsearch accepts.
func appendReplacedKey(dst, key []byte, top bool) []byte {
	if len(bytes.TrimSpace(key)) == 0 {
		return append(dst, `"_"`...)
	}
	start := len(dst) + 1
	dst = appendQuoted(dst, key)
	for i := start; i < len(dst); i++ {
		if dst[i] == '.' {
			dst[i] = '_'
		}
	}
	if top && isMetadata(dst[start:len(dst)-1]) {
		dst = append(dst, 0)
		copy(dst[start+1:], dst[start:])
		dst[start] = '_'
	}
	return dst
}

// goClashes is clashes for decoded fields.
func goClashes(fields bson.D, key string, v any, depth int) bool {
	decided, object := goObject(v)
	for i := range fields[:min(len(fields), maxSiblings)] {
		field := &fields[i]
		otherDecided, otherObject := goObject(field.Value)
		if field.Key == key {
			if decided && otherDecided && object != otherObject {
				return true
			}
			continue
		}
		rest, found := strings.CutPrefix(key, field.Key+".")
		if !found || !otherDecided {
			continue
		}
		if !otherObject {
			return true
		}
		if depth > 1 && goClashes(goFields(field.Value), rest, v, depth-1) {
			return true
		}
	}
	return false
}

// goObject reports whether a value tells Elasticsearch if its field is an
// object, and if so, what it tells.
func goObject(v any) (decided, object bool) {
	switch v.(type) {
	case nil, primitive.Null, bson.A, []any:
		return false, false
	case bson.M, bson.D, map[string]any, primitive.Regex, primitive.DBPointer, primitive.CodeWithScope,
		primitive.Timestamp, primitive.MinKey, primitive.MaxKey, primitive.Undefined:
		return true, true
	}
	return true, false
}

func goFields(v any) bson.D {
	switch v := v.(type) {
	case bson.D:
		return v
	case bson.M:
		return mapFields(v)
	case map[string]any:
		return mapFields(v)
	}
	return nil
}

func mapFields(m map[string]any) bson.D {
	fields := make(bson.D, 0, len(m))
	for key, v := range m {
		fields = append(fields, bson.E{Key: key, Value: v})
	}
	slices.SortFunc(fields, func(a, b bson.E) int { return strings.Compare(a.Key, b.Key) })
	return fields
}
