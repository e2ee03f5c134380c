package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// reply is what find, aggregate and getMore answer. Its slices point into the bytes the driver read from the
// connection, which it allocates anew for each reply.
type reply struct {
	size          int
	documents     []byte // the BSON array of the batch
	cursor        int64  // 0 when the server has closed it
	namespace     string
	token         bson.Raw // postBatchResumeToken
	operationTime primitive.Timestamp
	asked         int64 // how many documents a getMore asked for at most; 0 for the command that opened the cursor
}

// head returns the newest cluster time that MongoDB has told of.
func (r *reply) head() primitive.Timestamp {
	if r.operationTime.IsZero() {
		ts, _ := tokenTime(r.token)
		return ts
	}
	return r.operationTime
}

// exhausts reports whether a change stream has nothing more behind the n events of the reply. A getMore ends before it
// has as many as it may because there are no more, or because the next has no room. The command that opens a stream may
// answer before it has looked.
func (r *reply) exhausts(n int) bool {
	return r.asked > 0 && int64(n) < r.asked && (n == 0 || r.size < roomLimit)
}

// count returns how many documents there are in the reply.
func (r *reply) count() (n int) {
	for documents := bsonjson.NewReader(r.documents); documents.Next(); {
		n++
	}
	return n
}

func parseReply(raw bson.Raw) (reply, error) {
	r := reply{size: len(raw)}
	found := false
	top := bsonjson.NewReader(raw)
	for top.Next() {
		switch string(top.Key()) {
		case "cursor":
			found = true
			if err := r.parseCursor(top.Value()); err != nil {
				return reply{}, err
			}
		case "operationTime":
			r.operationTime = timestamp(top.Type(), top.Value())
		}
	}
	if err := top.Err(); err != nil {
		return reply{}, fatal(fmt.Errorf("reply of MongoDB: %w", err))
	}
	if !found || r.documents == nil {
		return reply{}, fatal(errors.New("reply of MongoDB: no cursor in it"))
	}
	return r, nil
}

func (r *reply) parseCursor(raw []byte) error {
	cursor := bsonjson.NewReader(raw)
	for cursor.Next() {
		switch string(cursor.Key()) {
		case "firstBatch", "nextBatch":
			if cursor.Type() == bsontype.Array {
				r.documents = cursor.Value()
			}
		case "id":
			if cursor.Type() == bsontype.Int64 {
				r.cursor = int64(binary.LittleEndian.Uint64(cursor.Value()))
			}
		case "ns":
			if cursor.Type() == bsontype.String {
				r.namespace = text(cursor.Value())
			}
		case "postBatchResumeToken":
			if cursor.Type() == bsontype.EmbeddedDocument {
				r.token = bson.Raw(cursor.Value())
			}
		}
	}
	if err := cursor.Err(); err != nil {
		return fatal(fmt.Errorf("reply of MongoDB: %w", err))
	}
	return nil
}

// text returns the string of an encoded BSON string that a Reader has checked.
func text(value []byte) string { return string(value[4 : len(value)-1]) }

func timestamp(t bsontype.Type, value []byte) primitive.Timestamp {
	if t != bsontype.Timestamp {
		return primitive.Timestamp{}
	}
	return primitive.Timestamp{T: binary.LittleEndian.Uint32(value[4:]), I: binary.LittleEndian.Uint32(value)}
}

// tokenTime returns the cluster time in a resume token: its data is hexadecimal and begins with the type of a timestamp
// and its eight bytes. ok is false for tokens in another format.
func tokenTime(token bson.Raw) (ts primitive.Timestamp, ok bool) {
	data, ok := token.Lookup("_data").StringValueOK()
	if !ok || len(data) < 18 || !strings.HasPrefix(data, "82") {
		return primitive.Timestamp{}, false
	}
	var parts [8]byte
	for i := range parts {
		high, low := hexDigit(data[2+2*i]), hexDigit(data[3+2*i])
		if high > 15 || low > 15 {
			return primitive.Timestamp{}, false
		}
		parts[i] = high<<4 | low
	}
	return primitive.Timestamp{T: binary.BigEndian.Uint32(parts[:]), I: binary.BigEndian.Uint32(parts[4:])}, true
}

func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
