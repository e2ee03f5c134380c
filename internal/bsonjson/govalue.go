package bsonjson

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// AppendValue appends a Go value as JSON by the rules of [AppendDocument]. It
// takes what [DecodeMap] and the driver give, Go's basic types, time.Time, byte
// slices, what implements json.Marshaler, and everything else that the driver
// can encode, with its bson struct tags. Maps of fields come out with sorted
// keys. OmitID concerns v itself. On an error dst keeps its length. o may be nil.
func AppendValue(dst []byte, v any, o *Options) ([]byte, error) {
	t := newTranscoder(0, o)
	if out, ok := t.goValue(dst, v, t.MaxDepth); ok {
		return out, nil
	}
	return dst, t.err()
}

// goValue writes v; depth is how many levels of nesting are left for it.
func (t *transcoder) goValue(dst []byte, v any, depth int) ([]byte, bool) {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), true
	case string:
		return AppendString(dst, v), true
	case bool:
		return appendBool(dst, v), true
	case bson.M:
		return t.goMap(dst, v, depth)
	case map[string]any:
		return t.goMap(dst, v, depth)
	case bson.D:
		return t.goDocument(dst, v, depth)
	case bson.A:
		return t.goArray(dst, v, depth)
	case []any:
		return t.goArray(dst, v, depth)
	case float64:
		return t.goFloat(dst, v, 64)
	case float32:
		return t.goFloat(dst, float64(v), 32)
	case time.Time:
		return t.goDate(dst, v.UnixMilli())
	case primitive.DateTime:
		return t.goDate(dst, int64(v))
	}
	if out, ok := appendGoInteger(dst, v); ok {
		return out, true
	}
	if out, ok := t.goPrimitive(dst, v); ok {
		return out, true
	}
	return t.goOther(dst, v, depth)
}

func (t *transcoder) goMap(dst []byte, m map[string]any, depth int) ([]byte, bool) {
	if m == nil {
		return append(dst, "null"...), true
	}
	return t.goDocument(dst, mapFields(m), depth)
}

func (t *transcoder) goDocument(dst []byte, fields bson.D, depth int) ([]byte, bool) {
	if fields == nil {
		return append(dst, "null"...), true
	}
	if depth <= 0 {
		t.refuse(reasonDepth)
		return dst, false
	}
	top := depth == t.MaxDepth
	dst = append(dst, '{')
	empty := len(dst)
	for i := range fields {
		key, v := fields[i].Key, fields[i].Value
		if top && t.OmitID && key == "_id" || t.Prune && !t.goRepresentable(v) {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = t.goKey(dst, fields, &fields[i], depth); ok {
			dst, ok = t.goValue(append(dst, ':'), v, depth-1)
		}
		if !ok {
			t.within(key)
			return dst, false
		}
	}
	return append(dst, '}'), true
}

func (t *transcoder) goKey(dst []byte, all bson.D, field *bson.E, depth int) ([]byte, bool) {
	key, top := field.Key, depth == t.MaxDepth
	switch t.Keys {
	case KeysReplace:
		return appendReplacedKey(dst, []byte(key), top), true
	case KeysRefuse:
		reason := refusedKey([]byte(key), top)
		if reason == "" && strings.Contains(key, ".") && goClashes(all, key, field.Value, depth) {
			reason = reasonClash
		}
		if reason != "" {
			t.refuse(reason)
			return dst, false
		}
	}
	return AppendString(dst, key), true
}

func (t *transcoder) goArray(dst []byte, a []any, depth int) ([]byte, bool) {
	if a == nil {
		return append(dst, "null"...), true
	}
	if depth <= 0 {
		t.refuse(reasonDepth)
		return dst, false
	}
	dst = append(dst, '[')
	empty := len(dst)
	for i, v := range a {
		if t.Prune && !t.goRepresentable(v) {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		var ok bool
		if dst, ok = t.goValue(dst, v, depth-1); !ok {
			t.within(strconv.Itoa(i))
			return dst, false
		}
	}
	return append(dst, ']'), true
}

func (t *transcoder) goFloat(dst []byte, f float64, bitSize int) ([]byte, bool) {
	if !finite(f) {
		t.refuse(reasonDouble)
		return dst, false
	}
	return appendFloat(dst, f, bitSize, t.ShortDoubles), true
}

func (t *transcoder) goDate(dst []byte, ms int64) ([]byte, bool) {
	switch {
	case t.EpochMillis:
		return appendInt(dst, ms), true
	case dateInRange(ms):
		return appendDate(dst, ms), true
	}
	t.refuse(reasonDate)
	return dst, false
}

func appendGoInteger(dst []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case int:
		return appendInt(dst, int64(v)), true
	case int64:
		return appendInt(dst, v), true
	case int32:
		return appendInt(dst, int64(v)), true
	case int16:
		return appendInt(dst, int64(v)), true
	case int8:
		return appendInt(dst, int64(v)), true
	case uint:
		return appendUint(dst, uint64(v)), true
	case uint64:
		return appendUint(dst, v), true
	case uint32:
		return appendUint(dst, uint64(v)), true
	case uint16:
		return appendUint(dst, uint64(v)), true
	case uint8:
		return appendUint(dst, uint64(v)), true
	}
	return dst, false
}

// goPrimitive writes the types of the driver that cannot fail.
func (t *transcoder) goPrimitive(dst []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case primitive.ObjectID:
		return appendObjectID(dst, v[:]), true
	case []byte:
		if v == nil {
			return append(dst, "null"...), true
		}
		return t.binary(dst, bsontype.BinaryGeneric, v), true
	case primitive.Binary:
		return t.binary(dst, v.Subtype, v.Data), true
	case primitive.Decimal128:
		high, low := v.GetBytes()
		return t.decimal(dst, high, low), true
	case primitive.Timestamp:
		return appendTimestamp(dst, v.T, v.I), true
	case primitive.Regex:
		return appendRegex(dst, []byte(v.Pattern), []byte(v.Options)), true
	case primitive.JavaScript:
		return AppendString(dst, string(v)), true
	case primitive.Symbol:
		return AppendString(dst, string(v)), true
	case primitive.DBPointer:
		return appendPointer(dst, []byte(v.DB), v.Pointer[:]), true
	case primitive.MinKey, primitive.MaxKey, primitive.Undefined:
		return append(dst, '{', '}'), true
	case primitive.Null:
		return append(dst, "null"...), true
	}
	return dst, false
}

func (t *transcoder) goOther(dst []byte, v any, depth int) ([]byte, bool) {
	switch v := v.(type) {
	case primitive.CodeWithScope:
		dst = append(AppendString(append(dst, `{"Code":`...), string(v.Code)), `,"Scope":`...)
		var ok bool
		if dst, ok = t.goScope(dst, v.Scope, depth); !ok {
			return dst, false
		}
		return append(dst, '}'), true
	case bson.Raw:
		return t.goRaw(dst, bsontype.EmbeddedDocument, v, depth)
	case bson.RawValue:
		return t.goRaw(dst, v.Type, v.Value, depth)
	case json.Marshaler, json.Number:
		text, err := json.Marshal(v)
		if err != nil {
			t.refuse(err.Error())
			return dst, false
		}
		return append(dst, text...), true
	}
	typ, raw, err := bson.MarshalValue(v)
	if err != nil {
		t.refuse(err.Error())
		return dst, false
	}
	return t.goRaw(dst, typ, raw, depth)
}

// goScope writes an ordered scope as the transcoder does, as pairs.
func (t *transcoder) goScope(dst []byte, scope any, depth int) ([]byte, bool) {
	fields, ok := scope.(bson.D)
	if !ok {
		return t.goValue(dst, scope, depth)
	}
	if depth <= 0 {
		t.refuse(reasonDepth)
		return dst, false
	}
	dst = append(dst, '[')
	empty := len(dst)
	for _, field := range fields {
		if t.Prune && !t.goRepresentable(field.Value) {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = append(AppendString(append(dst, `{"Key":`...), field.Key), `,"Value":`...)
		if dst, ok = t.goValue(dst, field.Value, depth-1); !ok {
			t.within(field.Key)
			return dst, false
		}
		dst = append(dst, '}')
	}
	return append(dst, ']'), true
}

// goRaw writes a value that is BSON already.
func (t *transcoder) goRaw(dst []byte, typ bsontype.Type, value []byte, depth int) ([]byte, bool) {
	value = value[:len(value):len(value)]
	raw := newTranscoder(len(value), &t.Options)
	dst, size := raw.value(dst, typ, value, depth+1)
	if size >= 0 && size < len(value) {
		raw.malformed(value[size:], reasonFrame)
		size = -1
	}
	t.failure = raw.failure
	return dst, size >= 0
}

func (t *transcoder) goRepresentable(v any) bool {
	switch v := v.(type) {
	case float64:
		return finite(v)
	case float32:
		return finite(float64(v))
	case primitive.DateTime:
		return t.EpochMillis || dateInRange(int64(v))
	case time.Time:
		return t.EpochMillis || dateInRange(v.UnixMilli())
	}
	return true
}
