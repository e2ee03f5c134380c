package main

import (
	"strconv"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// bodyBytes is the size at which a bulk body is complete.
const bodyBytes = 2 << 20

// bodies builds bulk bodies, action lines with index, id and version included, and gives each away.
type bodies struct {
	buf     []byte
	prefix  []byte // of action lines
	version int64
	give    func(body []byte) error
}

func newBodies(index string, at primitive.Timestamp, give func(body []byte) error) *bodies {
	return &bodies{
		prefix:  append(strconv.AppendQuote([]byte(`{"index":{"_index":`), index), `,"_id":"`...),
		version: int64(at.T)<<32 | int64(at.I),
		give:    give,
		buf:     make([]byte, 0, bodyBytes+bodyBytes/4),
	}
}

// action appends an action line for the document of that id.
func (b *bodies) action(document []byte) (err error) {
	t, id, _ := bsonjson.FindID(document)
	b.buf = append(b.buf, b.prefix...)
	if b.buf, err = bsonjson.AppendID(b.buf, t, id, bsonjson.IDGoMap); err != nil {
		return err
	}
	b.buf = append(b.buf, `","version":`...)
	b.buf = strconv.AppendInt(b.buf, b.version, 10)
	b.buf = append(b.buf, `,"version_type":"external_gte"}}`+"\n"...)
	return nil
}

// end completes a document and, if it is large enough, the body.
func (b *bodies) end() error {
	b.buf = append(b.buf, '\n')
	if len(b.buf) < bodyBytes {
		return nil
	}
	return b.flush()
}

func (b *bodies) flush() error {
	if len(b.buf) == 0 {
		return nil
	}
	err := b.give(b.buf)
	b.buf = b.buf[:0]
	return err
}

// transcode appends a document by the transcoder.
func (b *bodies) transcode(document []byte) (err error) {
	if err := b.action(document); err != nil {
		return err
	}
	if b.buf, err = bsonjson.AppendDocument(b.buf, document, &bsonjson.Options{OmitID: true}); err != nil {
		return err
	}
	return b.end()
}
