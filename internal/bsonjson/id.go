package bsonjson

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// IDForm says how an _id that is a document becomes text.
type IDForm uint8

const (
	// IDGoMap prints it as fmt prints a map, map[a:1 b:x], which is what
	// Monstache did.
	IDGoMap IDForm = iota
	// IDExtendedJSON writes canonical extended JSON, which keeps types and field
	// order apart and so never gives two different ids one text.
	IDExtendedJSON
)

const goTime = "2006-01-02 15:04:05.999999999 -0700 MST"

// AppendID appends the Elasticsearch _id of a MongoDB _id of type t, as plain
// text without quotes. It does not allocate for ObjectIDs, strings and numbers.
// Different ids of different types can have one text: 5, 5.0 and "5" do. On an
// error, always a [*SyntaxError], dst keeps its length.
func AppendID(dst []byte, t bsontype.Type, value []byte, form IDForm) ([]byte, error) {
	size, reason := valueSize(t, value)
	if reason == "" && size != len(value) {
		reason = reasonFrame
	}
	if reason != "" {
		return dst, &SyntaxError{Path: "_id", Reason: reason}
	}
	switch t {
	case bsontype.ObjectID:
		return appendHex12(dst, value), nil
	case bsontype.String, bsontype.JavaScript, bsontype.Symbol:
		s, _ := stringBody(value)
		return append(dst, s...), nil
	case bsontype.Int32:
		return appendInt(dst, int64(int32(binary.LittleEndian.Uint32(value)))), nil
	case bsontype.Int64:
		return appendInt(dst, int64(binary.LittleEndian.Uint64(value))), nil
	case bsontype.Double:
		return appendDoubleID(dst, math.Float64frombits(binary.LittleEndian.Uint64(value))), nil
	case bsontype.Binary:
		subtype, data, _ := binaryBody(value)
		return appendBinaryText(dst, subtype, data), nil
	case bsontype.Boolean:
		return appendBool(dst, value[0] != 0), nil
	case bsontype.Null:
		return append(dst, "<nil>"...), nil
	case bsontype.MinKey, bsontype.MaxKey, bsontype.Undefined:
		return append(dst, "{}"...), nil
	case bsontype.Timestamp:
		dst = appendUint(append(dst, '{'), uint64(binary.LittleEndian.Uint32(value[4:])))
		dst = appendUint(append(dst, ' '), uint64(binary.LittleEndian.Uint32(value)))
		return append(dst, '}'), nil
	case bsontype.EmbeddedDocument:
		if form == IDExtendedJSON {
			return appendExtendedID(dst, value)
		}
	}
	return appendPrintedID(dst, t, value)
}

func appendDoubleID(dst []byte, f float64) []byte {
	if whole := int64(f); f >= math.MinInt64 && f < math.MaxInt64 && float64(whole) == f {
		return appendInt(dst, whole)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

func appendExtendedID(dst, value []byte) ([]byte, error) {
	if _, err := DecodeMap(value); err != nil {
		return dst, err
	}
	out, err := bson.MarshalExtJSON(bson.Raw(value), true, false)
	if err != nil {
		return dst, &SyntaxError{Path: "_id", Reason: err.Error()}
	}
	return append(dst, out...), nil
}

// appendPrintedID prints the decoded value as fmt does, dates as time.Time.
func appendPrintedID(dst []byte, t bsontype.Type, value []byte) ([]byte, error) {
	value = value[:len(value):len(value)]
	d := newDecoder(value, len(value))
	v, size := d.value(t, value, defaultMaxDepth)
	if size < 0 {
		return dst, d.err()
	}
	return fmt.Append(dst, printable(v)), nil
}

// printable turns dates, at any depth, into what prints as a date.
func printable(v any) any {
	switch v := v.(type) {
	case primitive.DateTime:
		return v.Time().UTC().Format(goTime)
	case bson.M:
		for key, field := range v {
			v[key] = printable(field)
		}
	case bson.A:
		for i, element := range v {
			v[i] = printable(element)
		}
	}
	return v
}
