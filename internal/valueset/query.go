package valueset

import (
	"errors"
	"strings"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// Limits of one query. MongoDB takes commands of 16 MB, and plans each branch of an $or for itself.
const (
	maxValues   = 5000
	maxBytes    = 4 << 20
	maxBranches = 100
)

// Chunks yields the values in portions that fit a query.
func (s *Set) Chunks(yield func([]bson.RawValue) bool) {
	for rest := s.list; len(rest) > 0; {
		n := fitting(rest)
		if !yield(rest[:n:n]) {
			return
		}
		rest = rest[n:]
	}
}

// fitting returns how many of the values fit a query; at least one.
func fitting(values []bson.RawValue) int {
	bytes, branches := 0, 0
	for i, v := range values {
		bytes += len(v.Value)
		if isExpression(v) {
			branches++
		}
		if i > 0 && (i == maxValues || bytes > maxBytes || branches > maxBranches) {
			return i
		}
	}
	return len(values)
}

// Filter matches the documents whose field equals one of the values, or has one as an element of an array. What $in would
// take for an operator or a pattern is compared by $eq, which takes every value as it is; both use an index of the field.
func Filter(field string, values []bson.RawValue) bson.D {
	plain := make([]bson.RawValue, 0, len(values))
	var or bson.A
	for _, v := range values {
		if isExpression(v) {
			or = append(or, bson.D{{Key: field, Value: bson.D{{Key: "$eq", Value: v}}}})
		} else {
			plain = append(plain, v)
		}
	}
	in := bson.D{{Key: field, Value: bson.D{{Key: "$in", Value: plain}}}}
	switch {
	case len(or) == 0:
		return in
	case len(plain) > 0:
		or = append(or, in)
	}
	return bson.D{{Key: "$or", Value: or}}
}

// isExpression reports whether $in takes a value for a pattern or an operator: a regular expression, or a document whose
// first field has a name with a dollar sign.
func isExpression(v bson.RawValue) bool {
	switch v.Type {
	case bsontype.Regex:
		return true
	case bsontype.EmbeddedDocument:
		return len(v.Value) > 5 && v.Value[5] == '$'
	}
	return false
}

// Isolate calls query with the values. If MongoDB refuses that query it divides them, until it has called failed with each
// single value whose query is refused; the queries of all others have succeeded then. query is called with values again
// that an earlier, refused call has had among others. Any other error ends it.
func Isolate(values []bson.RawValue, query func([]bson.RawValue) error, failed func(bson.RawValue, error)) error {
	err := query(values)
	switch {
	case err == nil || !Refused(err):
		return err
	case len(values) == 1:
		failed(values[0], err)
		return nil
	}
	half := len(values) / 2
	if err := Isolate(values[:half], query, failed); err != nil {
		return err
	}
	return Isolate(values[half:], query, failed)
}

// Refused reports whether an error of a Finder says that MongoDB refused the query for what it asks, or for the
// documents that it meets, so that it fails again however often it is tried.
func Refused(err error) bool {
	var r interface{ QueryRefused() bool }
	return errors.As(err, &r) && r.QueryRefused()
}

// textBytes is how much of a value an error tells.
const textBytes = 200

// Text returns a value as extended JSON for an error, cut to 200 bytes.
func Text(v bson.RawValue) string {
	json, err := bson.MarshalExtJSON(bson.D{{Key: "", Value: v}}, false, false)
	if err != nil {
		return "a value of type " + v.Type.String()
	}
	s := strings.TrimSuffix(strings.TrimPrefix(string(json), `{"":`), "}")
	if len(s) <= textBytes {
		return s
	}
	end := textBytes
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
