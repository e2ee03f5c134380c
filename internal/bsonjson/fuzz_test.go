package bsonjson_test

import (
	"encoding/binary"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

// The input counts twice: as a document, and as the elements of one, since
// hardly a change leaves the length of a document right.
func FuzzAppendDocument(f *testing.F) {
	for _, doc := range []bson.Raw{
		marshal(f, types), marshal(f, bson.D{{Key: "_id", Value: types}}), benchdocs.Small(1), benchdocs.Medium(1),
	} {
		f.Add([]byte(doc))
		f.Add([]byte(doc[4 : len(doc)-1]))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		checkTotal(t, input)
		framed := binary.LittleEndian.AppendUint32(nil, uint32(len(input)+5))
		checkTotal(t, append(append(framed, input...), 0))
	})
}
