package bsonedit

import (
	"encoding/binary"
	"strconv"

	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// appendHeader appends the type and name in front of a value.
func appendHeader(dst []byte, t bsontype.Type, name string) []byte {
	return append(append(append(dst, byte(t)), name...), 0)
}

// AppendField appends a field of a document.
func AppendField(dst []byte, t bsontype.Type, name string, value []byte) []byte {
	return append(appendHeader(dst, t, name), value...)
}

// AppendString appends a field whose value is a string.
func AppendString(dst []byte, name, s string) []byte {
	dst = appendHeader(dst, bsontype.String, name)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)+1))
	return append(append(dst, s...), 0)
}

// AppendElement appends an element of an array.
func AppendElement(dst []byte, t bsontype.Type, index int, value []byte) []byte {
	return append(appendIndexHeader(dst, t, index), value...)
}

func appendIndexHeader(dst []byte, t bsontype.Type, index int) []byte {
	return append(strconv.AppendInt(append(dst, byte(t)), int64(index), 10), 0)
}

// OpenDocument appends room for the length of a document or array.
func OpenDocument(dst []byte) []byte { return append(dst, 0, 0, 0, 0) }

// CloseDocument appends the terminator and fills in the length of the document or array that began at start.
func CloseDocument(dst []byte, start int) []byte {
	dst = append(dst, 0)
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// documentFrame is what a document costs besides its fields: length and terminator.
const documentFrame = 5

// copier copies a document element by element: each is copied unless it is replaced, in long stretches.
type copier struct {
	bsonjson.Reader
	src   []byte
	dst   []byte
	start int // of the copy in dst
	from  int // start in src of what is still to be copied
}

func newCopier(dst, src []byte) copier {
	return copier{Reader: bsonjson.NewReader(src), src: src, dst: OpenDocument(dst), start: len(dst), from: 4}
}

// replace leaves the current element out; what the caller appends to dst next stands in its place.
func (c *copier) replace() {
	c.dst = append(c.dst, c.src[c.from:c.Start()]...)
	c.from = c.End()
}

// enter is replace for a document or array that is rewritten: it appends the element's header.
func (c *copier) enter() {
	c.replace()
	c.dst = append(c.dst, c.src[c.Start():c.End()-len(c.Value())]...)
}

// finish copies the rest, then calls more, if there is more to append, and returns the document.
func (c *copier) finish(more func(dst []byte) []byte) ([]byte, error) {
	if err := c.Err(); err != nil {
		return c.dst[:c.start], err
	}
	c.dst = append(c.dst, c.src[c.from:len(c.src)-1]...)
	if more != nil {
		c.dst = more(c.dst)
	}
	return CloseDocument(c.dst, c.start), nil
}
