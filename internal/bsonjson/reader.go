package bsonjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// Reader walks the elements of one raw document or array, in order, without
// allocating. Keys and values are slices of the document.
//
//	r := bsonjson.NewReader(doc)
//	for r.Next() {
//		use(r.Key(), r.Type(), r.Value())
//	}
//	if err := r.Err(); err != nil { … }
//
// Each element is checked to lie within the document; what a value of type
// document, array or code with scope holds inside is not.
type Reader struct {
	doc    []byte
	end    int // where the terminator is
	at     int // the current element, then its value, then the next element
	val    int
	next   int
	reason string
}

// NewReader returns a Reader before the first element of doc. A malformed frame
// shows up as Err after the first Next.
func NewReader(doc []byte) Reader {
	body, reason := documentBody(doc)
	if reason != "" {
		return Reader{reason: reason}
	}
	return Reader{doc: doc, end: 4 + len(body), next: 4}
}

// readBody returns a Reader of the elements in body, which a terminator follows.
func readBody(body []byte) Reader {
	return Reader{doc: body[:len(body)+1], end: len(body)}
}

// rest returns what has not been read. Its capacity ends where the document ends.
func (r *Reader) rest() []byte { return r.doc[r.next:r.end] }

// Next moves to the next element. It returns false at the end and on an error.
func (r *Reader) Next() bool {
	at := r.next
	if at >= r.end || r.reason != "" {
		return false
	}
	val := at + 2 + keyLength(r.doc[at+1:])
	if val > r.end {
		r.reason = reasonKey
		return false
	}
	t := bsontype.Type(r.doc[at])
	size := int(fixedSizes[t])
	if size < 0 {
		var reason string
		if size, reason = variableSize(t, r.doc[val:r.end]); reason != "" {
			r.reason = reason
			return false
		}
	} else if size > r.end-val {
		r.reason = reasonShort
		return false
	}
	r.at, r.val, r.next = at, val, val+size
	return true
}

// keyLength returns how many bytes are before the first zero; there is one.
func keyLength(src []byte) int {
	n := 0
	for ; len(src)-n >= 8; n += 8 {
		if zeros := zeroBytes(binary.LittleEndian.Uint64(src[n:])); zeros != 0 {
			return n + bits.TrailingZeros64(zeros)/8
		}
	}
	for src[n] != 0 {
		n++
	}
	return n
}

// zeroBytes sets the high bit of the lowest zero byte of v, and maybe of others above it.
func zeroBytes(v uint64) uint64 {
	return (v - lowBits) &^ v & highBits
}

// Type returns the BSON type of the current element.
func (r *Reader) Type() bsontype.Type { return bsontype.Type(r.doc[r.at]) }

// Key returns the field name of the current element, or the index in an array.
func (r *Reader) Key() []byte { return r.doc[r.at+1 : r.val-1] }

// Value returns the encoded value of the current element.
func (r *Reader) Value() []byte { return r.doc[r.val:r.next] }

// Start returns where in the document the current element begins.
func (r *Reader) Start() int { return r.at }

// End returns where in the document the current element ends.
func (r *Reader) End() int { return r.next }

// Err returns the *SyntaxError that ended the walk, or nil.
func (r *Reader) Err() error {
	if r.reason == "" {
		return nil
	}
	return &SyntaxError{Offset: r.next, Reason: r.reason}
}

// FindID returns type and encoded value of the top-level _id. It is found at
// once where MongoDB puts it, in front. ok is false when the document has none
// or is malformed before it.
func FindID(doc []byte) (t bsontype.Type, value []byte, ok bool) {
	r := NewReader(doc)
	for r.Next() {
		if string(r.Key()) == "_id" {
			return r.Type(), r.Value(), true
		}
	}
	return 0, nil, false
}

const (
	reasonFrame   = "document length does not match its bytes"
	reasonEnd     = "document without terminator"
	reasonKey     = "field name without terminator"
	reasonShort   = "value reaches beyond its document"
	reasonString  = "string length does not match its bytes"
	reasonBinary  = "binary length does not match its bytes"
	reasonBool    = "boolean that is neither 0 nor 1"
	reasonType    = "unknown element type"
	reasonScope   = "code with scope whose lengths do not match"
	reasonPattern = "regular expression without terminator"
	reasonDepth   = "nested too deeply"
)

// documentBody returns the elements of doc, without length and terminator. The
// capacity of the result reaches exactly to the end of doc: bytes up to there
// may be looked at, and offsets are told from it.
func documentBody(doc []byte) (body []byte, reason string) {
	if len(doc) < 5 || int(int32(binary.LittleEndian.Uint32(doc))) != len(doc) {
		return nil, reasonFrame
	}
	if doc[len(doc)-1] != 0 {
		return nil, reasonEnd
	}
	return doc[4 : len(doc)-1 : len(doc)], ""
}

// nestedBody is documentBody for a document at the start of src. It also
// returns the size of the document.
func nestedBody(src []byte) (body []byte, size int, reason string) {
	if len(src) < 5 {
		return nil, 0, reasonShort
	}
	size = int(int32(binary.LittleEndian.Uint32(src)))
	if size < 5 || size > len(src) {
		return nil, 0, reasonFrame
	}
	if src[size-1] != 0 {
		return nil, 0, reasonEnd
	}
	return src[4 : size-1], size, ""
}

// stringBody returns the bytes of the string at the start of src, and the size
// of its encoding. size is 0 when it is malformed.
func stringBody(src []byte) (s []byte, size int) {
	if len(src) < 5 {
		return nil, 0
	}
	n := int(int32(binary.LittleEndian.Uint32(src)))
	if n < 1 || n > len(src)-4 || src[3+n] != 0 {
		return nil, 0
	}
	return src[4 : 3+n], 4 + n
}

// binaryBody returns subtype and bytes of the binary value at the start of src,
// and the size of its encoding. size is 0 when it is malformed. The old subtype
// 2 has a second length inside; where writers forgot it, the bytes count as they
// are.
func binaryBody(src []byte) (subtype byte, data []byte, size int) {
	if len(src) < 5 {
		return 0, nil, 0
	}
	n := int(int32(binary.LittleEndian.Uint32(src)))
	if n < 0 || n > len(src)-5 {
		return 0, nil, 0
	}
	subtype, data = src[4], src[5:5+n]
	if subtype == bsontype.BinaryBinaryOld && n >= 4 && int(int32(binary.LittleEndian.Uint32(data))) == n-4 {
		data = data[4:]
	}
	return subtype, data, 5 + n
}

// regexBody returns pattern and options of the regular expression at the start
// of src, and the size of its encoding. size is 0 when it is malformed.
func regexBody(src []byte) (pattern, options []byte, size int) {
	n := bytes.IndexByte(src, 0)
	if n < 0 {
		return nil, nil, 0
	}
	m := bytes.IndexByte(src[n+1:], 0)
	if m < 0 {
		return nil, nil, 0
	}
	return src[:n], src[n+1 : n+1+m], n + m + 2
}

// scopeBody returns code and elements of the scope of the code with scope at
// the start of src, and the size of its encoding. size is 0 when malformed.
func scopeBody(src []byte) (code, scope []byte, size int) {
	if len(src) < 14 {
		return nil, nil, 0
	}
	size = int(int32(binary.LittleEndian.Uint32(src)))
	if size < 14 || size > len(src) {
		return nil, nil, 0
	}
	code, n := stringBody(src[4:size])
	if n == 0 {
		return nil, nil, 0
	}
	scope, m, reason := nestedBody(src[4+n : size])
	if reason != "" || 4+n+m != size {
		return nil, nil, 0
	}
	return code, scope, size
}

// pointerBody returns namespace and ObjectID of the DBPointer at the start of
// src. size is 0 when it is malformed.
func pointerBody(src []byte) (ns, oid []byte, size int) {
	ns, n := stringBody(src)
	if n == 0 || len(src)-n < 12 {
		return nil, nil, 0
	}
	return ns, src[n : n+12], n + 12
}

// fixedSizes are the sizes of the types that have only one, and -1 for all others.
var fixedSizes = func() (sizes [256]int8) {
	for t := range sizes {
		sizes[t] = -1
	}
	for t, size := range map[bsontype.Type]int8{
		bsontype.Double: 8, bsontype.DateTime: 8, bsontype.Timestamp: 8, bsontype.Int64: 8, bsontype.Int32: 4,
		bsontype.ObjectID: 12, bsontype.Boolean: 1, bsontype.Decimal128: 16,
		bsontype.Null: 0, bsontype.Undefined: 0, bsontype.MinKey: 0, bsontype.MaxKey: 0,
	} {
		sizes[t] = size
	}
	return sizes
}()

// fixedSize returns the size of the types that have only one, or -1.
func fixedSize(t bsontype.Type) int { return int(fixedSizes[t]) }

// valueSize returns the size of the value of type t at the start of src, or the
// reason why there is none.
func valueSize(t bsontype.Type, src []byte) (size int, reason string) {
	if size = fixedSize(t); size >= 0 {
		if size > len(src) {
			return 0, reasonShort
		}
		return size, ""
	}
	return variableSize(t, src)
}

// variableSize is valueSize for the types that have no fixed size.
func variableSize(t bsontype.Type, src []byte) (size int, reason string) {
	switch t {
	case bsontype.String, bsontype.JavaScript, bsontype.Symbol:
		_, size = stringBody(src)
		reason = reasonString
	case bsontype.EmbeddedDocument, bsontype.Array:
		_, size, reason = nestedBody(src)
		return size, reason
	case bsontype.Binary:
		_, _, size = binaryBody(src)
		reason = reasonBinary
	case bsontype.Regex:
		_, _, size = regexBody(src)
		reason = reasonPattern
	case bsontype.CodeWithScope:
		_, _, size = scopeBody(src)
		reason = reasonScope
	case bsontype.DBPointer:
		_, _, size = pointerBody(src)
		reason = reasonString
	default:
		reason = reasonType
	}
	if size > 0 {
		return size, ""
	}
	return 0, reason
}
