package resume

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// document reads the fields of a stored document, which people and other programs may have changed. err is that of the
// first field that does not hold what it should.
type document struct {
	coll *mongo.Collection
	raw  bson.Raw
	err  error
}

// lookup returns a field that has one of the wanted types. A field that is missing or null is not found.
func (d *document) lookup(field string, want ...bsontype.Type) (bson.RawValue, bool) {
	value, err := d.raw.LookupErr(field)
	if err != nil || value.Type == bsontype.Null {
		return bson.RawValue{}, false
	}
	if !slices.Contains(want, value.Type) {
		d.fail(field, fmt.Sprintf("is of type %s, expected %s", value.Type, want[0]))
		return bson.RawValue{}, false
	}
	return value, true
}

func (d *document) timestamp(field string) primitive.Timestamp {
	if value, ok := d.lookup(field, bsontype.Timestamp); ok {
		t, i := value.Timestamp()
		return primitive.Timestamp{T: t, I: i}
	}
	return primitive.Timestamp{}
}

func (d *document) boolean(field string) bool {
	value, ok := d.lookup(field, bsontype.Boolean)
	return ok && value.Boolean()
}

func (d *document) embedded(field string) bson.Raw {
	if value, ok := d.lookup(field, bsontype.EmbeddedDocument); ok {
		return bytes.Clone(value.Document())
	}
	return nil
}

// streamToken returns a resume token. MongoDB's own hold their data in hexadecimal, where they do not hold it as binary.
func (d *document) streamToken(field string) bson.Raw {
	token := d.embedded(field)
	text, ok := token.Lookup("_data").StringValueOK()
	if _, err := hex.DecodeString(text); ok && (err != nil || text == "") {
		d.fail(field+"._data", "is not hexadecimal, expected a resume token of MongoDB")
		return nil
	}
	return token
}

func (d *document) fail(field, problem string) {
	if d.err != nil {
		return
	}
	d.err = &goatee.ConfigError{
		Setting: SettingDocument,
		Problem: fmt.Sprintf("document {_id: %s} of %s.%s: field %s %s",
			d.raw.Lookup("_id"), d.coll.Database().Name(), d.coll.Name(), field, problem),
		Remedy: "restore it from a backup, or " + startOver[d.coll.Name()],
	}
}

// startOver says, by collection, what follows from the loss of a document.
var startOver = map[string]string{
	timestampCollection: "delete that document to start each stream from its resume token, and those that have none from now",
	tokenCollection: "delete that document to start this stream from the time in the collection " + timestampCollection +
		", or from now if there is none",
	directReadCollection: "delete that document to read all namespaces once more",
	positionCollection:   "delete that document to start this source from its beginning",
}
