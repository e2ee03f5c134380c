package bsonjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// AppendDocument appends doc as a JSON object, fields in the document's own
// order, and returns the longer buffer. On an error, a [*SyntaxError] or a
// [*ValueError], the buffer keeps its length. It allocates only to make dst
// longer. o may be nil.
func AppendDocument(dst []byte, doc bson.Raw, o *Options) ([]byte, error) {
	body, reason := documentBody(doc)
	if reason != "" {
		return dst, &SyntaxError{Reason: reason}
	}
	t := newTranscoder(len(doc), o)
	if out, ok := t.document(dst, body, t.MaxDepth); ok {
		return out, nil
	}
	return dst, t.err()
}

// transcoder writes one document or value. Its methods append to dst and read
// src, which reaches from the current position to the end of the enclosing
// document. One that fails notes the failure and returns a size below zero, or
// false.
type transcoder struct {
	failure
	Options
	selective bool // fields need a look before they are written
	idDepth   int  // depth at which _id is left out, -1 for nowhere
}

// newTranscoder returns one for a document or value of the given size.
func newTranscoder(size int, o *Options) transcoder {
	t := transcoder{failure: failure{size: size}, idDepth: -1}
	if o != nil {
		t.Options = *o
	}
	t.MaxDepth = t.maxDepth()
	t.selective = t.Prune || t.Keys == KeysRefuse
	if t.OmitID {
		t.idDepth = t.MaxDepth
	}
	return t
}

// document writes the elements of src as an object; depth is how many levels
// are left.
func (t *transcoder) document(dst, src []byte, depth int) ([]byte, bool) {
	if depth <= 0 {
		t.malformed(src, reasonDepth)
		return dst, false
	}
	all := src
	dst = append(dst, '{')
	empty := len(dst)
	for len(src) > 0 {
		if t.selective || depth == t.idDepth && isID(src) {
			size, skip := t.inspect(all, src, depth)
			if size < 0 {
				return dst, false
			}
			if skip {
				src = src[size:]
				continue
			}
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		var n int
		if dst, n = t.key(dst, src[1:], depth); n < 0 {
			t.malformed(src, reasonKey)
			return dst, false
		}
		value := src[n+2:]
		var size int
		if dst, size = t.value(dst, bsontype.Type(src[0]), value, depth); size < 0 {
			t.within(string(src[1 : 1+n]))
			return dst, false
		}
		src = value[size:]
	}
	return append(dst, '}'), true
}

// array writes the elements of src as an array. Their names are the indices and
// do not matter.
func (t *transcoder) array(dst, src []byte, depth int) ([]byte, bool) {
	if depth <= 0 {
		t.malformed(src, reasonDepth)
		return dst, false
	}
	dst = append(dst, '[')
	empty := len(dst)
	for index := 0; len(src) > 0; index++ {
		n := indexSize(src[1:])
		if n < 0 {
			t.malformed(src, reasonKey)
			return dst, false
		}
		typ, value := bsontype.Type(src[0]), src[n+2:]
		if t.Prune && !representable(typ, value, &t.Options) {
			src = value[8:]
			continue
		}
		if len(dst) > empty {
			dst = append(dst, ',')
		}
		var size int
		if dst, size = t.value(dst, typ, value, depth); size < 0 {
			t.within(strconv.Itoa(index))
			return dst, false
		}
		src = value[size:]
	}
	return append(dst, ']'), true
}

// indexSize returns the length of the array index at the start of src, mostly of
// one or two digits, or -1 when it does not end.
func indexSize(src []byte) int {
	if len(src) > 2 {
		if src[1] == 0 && src[0] != 0 {
			return 1
		}
		if src[2] == 0 && src[1] != 0 && src[0] != 0 {
			return 2
		}
	}
	return bytes.IndexByte(src, 0)
}

// key writes the name at the start of src with its colon and returns its
// length, or a number below zero when it does not end.
func (t *transcoder) key(dst, src []byte, depth int) ([]byte, int) {
	if t.Keys == KeysReplace {
		return t.replacedKey(dst, src, depth)
	}
	dst = append(dst, '"')
	start := len(dst)
	for pos := 0; cap(src)-pos >= 8; pos += 8 {
		w := binary.LittleEndian.Uint64(src[pos : pos+8])
		dst = binary.LittleEndian.AppendUint64(dst, w)
		m := special(w)
		if m == 0 {
			continue
		}
		n := pos + bits.TrailingZeros64(m)>>3
		if n >= len(src) || src[n] != 0 {
			break
		}
		return append(dst[:start+n], '"', ':'), n
	}
	n := bytes.IndexByte(src, 0)
	if n < 0 {
		return dst, -1
	}
	return append(appendQuoted(dst[:start-1], src[:n]), ':'), n
}

// value writes the value of type typ at the start of src and returns its size.
func (t *transcoder) value(dst []byte, typ bsontype.Type, src []byte, depth int) ([]byte, int) {
	if size := fixedSize(typ); size >= 0 {
		if len(src) < size {
			t.malformed(src, reasonShort)
			return dst, -1
		}
		return t.fixed(dst, typ, src, size)
	}
	switch typ {
	case bsontype.String, bsontype.JavaScript, bsontype.Symbol:
		s, size := stringBody(src)
		if size == 0 {
			t.malformed(src, reasonString)
			return dst, -1
		}
		return appendQuoted(dst, s), size
	case bsontype.EmbeddedDocument, bsontype.Array:
		return t.nested(dst, typ, src, depth)
	}
	return t.compound(dst, typ, src, depth)
}

func (t *transcoder) nested(dst []byte, typ bsontype.Type, src []byte, depth int) ([]byte, int) {
	body, size, reason := nestedBody(src)
	if reason != "" {
		t.malformed(src, reason)
		return dst, -1
	}
	var ok bool
	if typ == bsontype.Array {
		dst, ok = t.array(dst, body, depth-1)
	} else {
		dst, ok = t.document(dst, body, depth-1)
	}
	if !ok {
		return dst, -1
	}
	return dst, size
}
