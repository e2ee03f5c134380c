package bsonjson

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"

	"go.mongodb.org/mongo-driver/bson/bsontype"
)

const (
	reasonDouble = "double is NaN or infinite"
	reasonDate   = "date outside the years 0 to 9999"
)

// fixed writes a value of a type with a fixed size, which src is known to hold.
func (t *transcoder) fixed(dst []byte, typ bsontype.Type, src []byte, size int) ([]byte, int) {
	switch typ {
	case bsontype.Double:
		f := math.Float64frombits(binary.LittleEndian.Uint64(src))
		if !finite(f) {
			t.refuse(reasonDouble)
			return dst, -1
		}
		dst = appendFloat(dst, f, 64, t.ShortDoubles)
	case bsontype.ObjectID:
		dst = appendObjectID(dst, src)
	case bsontype.Boolean:
		if src[0] > 1 {
			t.malformed(src, reasonBool)
			return dst, -1
		}
		dst = appendBool(dst, src[0] == 1)
	case bsontype.DateTime:
		ms := int64(binary.LittleEndian.Uint64(src))
		switch {
		case t.EpochMillis:
			dst = appendInt(dst, ms)
		case dateInRange(ms):
			dst = appendDate(dst, ms)
		default:
			t.refuse(reasonDate)
			return dst, -1
		}
	case bsontype.Null:
		dst = append(dst, "null"...)
	case bsontype.Int32:
		dst = appendInt(dst, int64(int32(binary.LittleEndian.Uint32(src))))
	case bsontype.Int64:
		dst = appendInt(dst, int64(binary.LittleEndian.Uint64(src)))
	case bsontype.Timestamp:
		dst = appendTimestamp(dst, binary.LittleEndian.Uint32(src[4:]), binary.LittleEndian.Uint32(src))
	case bsontype.Decimal128:
		dst = t.decimal(dst, binary.LittleEndian.Uint64(src[8:]), binary.LittleEndian.Uint64(src))
	default: // Undefined, MinKey, MaxKey
		dst = append(dst, '{', '}')
	}
	return dst, size
}

// compound writes the types that are made of several parts.
func (t *transcoder) compound(dst []byte, typ bsontype.Type, src []byte, depth int) ([]byte, int) {
	var size int
	reason := reasonType
	switch typ {
	case bsontype.Binary:
		var subtype byte
		var data []byte
		if subtype, data, size = binaryBody(src); size > 0 {
			return t.binary(dst, subtype, data), size
		}
		reason = reasonBinary
	case bsontype.Regex:
		var pattern, options []byte
		if pattern, options, size = regexBody(src); size > 0 {
			return appendRegex(dst, pattern, options), size
		}
		reason = reasonPattern
	case bsontype.DBPointer:
		var ns, oid []byte
		if ns, oid, size = pointerBody(src); size > 0 {
			return appendPointer(dst, ns, oid), size
		}
		reason = reasonString
	case bsontype.CodeWithScope:
		var code, scope []byte
		if code, scope, size = scopeBody(src); size > 0 {
			dst = append(appendQuoted(append(dst, `{"Code":`...), code), `,"Scope":`...)
			var ok bool
			if dst, ok = t.scope(dst, scope, depth-1); !ok {
				return dst, -1
			}
			return append(dst, '}'), size
		}
		reason = reasonScope
	}
	t.malformed(src, reason)
	return dst, -1
}

// scope writes the elements of src as an array of pairs of Key and Value.
func (t *transcoder) scope(dst, src []byte, depth int) ([]byte, bool) {
	if depth <= 0 {
		t.malformed(src, reasonDepth)
		return dst, false
	}
	r := readBody(src)
	dst = append(dst, '[')
	empty := len(dst)
	for r.Next() {
		if t.Prune && !representable(r.Type(), r.Value(), &t.Options) {
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(append(dst, `{"Key":`...), r.Key()), `,"Value":`...)
		var size int
		if dst, size = t.value(dst, r.Type(), r.Value(), depth); size < 0 {
			t.within(string(r.Key()))
			return dst, false
		}
		dst = append(dst, '}')
	}
	if r.reason != "" {
		t.malformed(r.rest(), r.reason)
		return dst, false
	}
	return append(dst, ']'), true
}

func (t *transcoder) decimal(dst []byte, high, low uint64) []byte {
	if t.DecimalStrings {
		dst = append(dst, '"')
	}
	out, finite := appendDecimal128(dst, high, low)
	switch {
	case !finite && t.DecimalStrings:
		return append(out[:len(out)-1], "null"...)
	case !finite:
		return append(out, "null"...)
	case t.DecimalStrings:
		return append(out, '"')
	}
	return out
}

func (t *transcoder) binary(dst []byte, subtype byte, data []byte) []byte {
	dst = append(dst, '"')
	if t.Base64UUIDs {
		dst = base64.StdEncoding.AppendEncode(dst, data)
	} else {
		dst = appendBinaryText(dst, subtype, data)
	}
	return append(dst, '"')
}

// appendBinaryText appends UUIDs (subtypes 3 and 4) as dashed digits, or plain
// ones if they do not have 16 bytes, and other binary values in base64.
func appendBinaryText(dst []byte, subtype byte, data []byte) []byte {
	if subtype != bsontype.BinaryUUIDOld && subtype != bsontype.BinaryUUID {
		return base64.StdEncoding.AppendEncode(dst, data)
	}
	if len(data) != 16 {
		return hex.AppendEncode(dst, data)
	}
	dst = append(hex.AppendEncode(dst, data[:4]), '-')
	dst = append(hex.AppendEncode(dst, data[4:6]), '-')
	dst = append(hex.AppendEncode(dst, data[6:8]), '-')
	dst = append(hex.AppendEncode(dst, data[8:10]), '-')
	return hex.AppendEncode(dst, data[10:])
}

func appendObjectID(dst, oid []byte) []byte {
	dst = append(dst, '"')
	return append(appendHex12(dst, oid), '"')
}

// appendHex12 appends the 24 digits of an ObjectID.
func appendHex12(dst, oid []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, hexDigits(binary.BigEndian.Uint32(oid)))
	dst = binary.LittleEndian.AppendUint64(dst, hexDigits(binary.BigEndian.Uint32(oid[4:])))
	return binary.LittleEndian.AppendUint64(dst, hexDigits(binary.BigEndian.Uint32(oid[8:])))
}

// hexDigits returns the eight digits of v, the first in the lowest byte.
func hexDigits(v uint32) uint64 {
	x := uint64(v)
	x = x<<32 | x>>16
	x &= 0x0000ffff_0000ffff
	x = (x<<16 | x>>8) & 0x00ff00ff_00ff00ff
	x = (x<<8 | x>>4) & 0x0f0f0f0f_0f0f0f0f
	letters := (x + 0x06*lowBits) >> 4 & lowBits
	return x + '0'*lowBits + letters*('a'-'0'-10)
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

func appendTimestamp(dst []byte, seconds, increment uint32) []byte {
	dst = appendUint(append(dst, `{"T":`...), uint64(seconds))
	dst = appendUint(append(dst, `,"I":`...), uint64(increment))
	return append(dst, '}')
}

func appendRegex(dst, pattern, options []byte) []byte {
	dst = appendQuoted(append(dst, `{"Pattern":`...), pattern)
	dst = appendQuoted(append(dst, `,"Options":`...), options)
	return append(dst, '}')
}

func appendPointer(dst, ns, oid []byte) []byte {
	dst = appendQuoted(append(dst, `{"DB":`...), ns)
	dst = appendObjectID(append(dst, `,"Pointer":`...), oid)
	return append(dst, '}')
}

func finite(f float64) bool { return f-f == 0 }

// representable reports whether JSON can hold the value at the start of src. A
// value that is cut short counts as representable, to be found malformed later.
func representable(typ bsontype.Type, src []byte, o *Options) bool {
	if len(src) < 8 {
		return true
	}
	switch typ {
	case bsontype.Double:
		return finite(math.Float64frombits(binary.LittleEndian.Uint64(src)))
	case bsontype.DateTime:
		return o.EpochMillis || dateInRange(int64(binary.LittleEndian.Uint64(src)))
	}
	return true
}
