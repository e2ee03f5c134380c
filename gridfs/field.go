package gridfs

import (
	"encoding/base64"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"
)

// setField returns a copy of the document with fill's base64 text as its field `file`, in one buffer that is large
// enough for length bytes of content. Without fill the text is empty.
func setField(raw bson.Raw, length int, fill func(dst []byte) ([]byte, error)) (bson.Raw, error) {
	elements, err := raw.Elements()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	// A type byte, a name with its zero, a length, the text with its zero.
	room := 1 + len(fieldName) + 1 + 4 + base64.StdEncoding.EncodedLen(length) + 1
	start, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(raw)+room))
	for _, e := range elements {
		if e.Key() != fieldName {
			dst = append(dst, e...)
		}
	}
	dst = bsoncore.AppendHeader(dst, bsontype.String, fieldName)
	size, dst := bsoncore.ReserveLength(dst)
	text := len(dst)
	if fill != nil {
		if dst, err = fill(dst); err != nil {
			return nil, err
		}
	}
	dst = append(dst, 0)
	dst = bsoncore.UpdateLength(dst, size, int32(len(dst)-text))
	return bsoncore.AppendDocumentEnd(dst, start)
}

// appender is a byte slice to write to.
type appender []byte

// Write appends p.
func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}
