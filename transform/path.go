package transform

import (
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonedit"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// parsePath splits a dotted path that a constructor or option has been given.
func parsePath(option, path string) (bsonedit.Path, error) {
	p, err := bsonedit.ParsePath(path)
	if err != nil {
		return nil, misuse(option, "path "+quote(path), err.Error())
	}
	return p, nil
}

func parsePaths(constructor string, paths []string) ([]bsonedit.Path, error) {
	if len(paths) == 0 {
		return nil, misuse(constructor, "no paths", "name a field")
	}
	parsed := make([]bsonedit.Path, len(paths))
	for i, path := range paths {
		p, err := parsePath(constructor, path)
		if err != nil {
			return nil, err
		}
		parsed[i] = p
	}
	return parsed, nil
}

// lookup returns the value at a path of a document in either form; its type is 0 when there is none.
func lookup(d *goatee.Document, path bsonedit.Path) (bson.RawValue, error) {
	if d.IsDecoded() {
		m, err := d.Map()
		if err != nil {
			return bson.RawValue{}, err
		}
		return bsonedit.LookupMap(m, path)
	}
	raw, err := d.Raw()
	if err != nil || raw == nil {
		return bson.RawValue{}, err
	}
	return bsonedit.Lookup(raw, path)
}

// Text returns a BSON value as the text that goatee would give an _id of that value: what to compare ids and routing
// values with. A missing value is the empty text, like null.
func Text(v bson.RawValue) (string, error) {
	if v.Type == 0 || v.Type == bsontype.Null || v.Type == bsontype.Undefined {
		return "", nil
	}
	var buf [64]byte
	text, err := bsonjson.AppendID(buf[:0], v.Type, v.Value, bsonjson.IDGoMap)
	return string(text), err
}
