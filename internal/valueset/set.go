// Package valueset collects BSON values that a field of other documents is to be compared with, and makes the queries.
// The values come from documents, so they may be anything: a query compares them and never takes one for an operator or
// a pattern.
package valueset

import (
	"encoding/binary"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee/internal/bsonedit"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Set is distinct BSON values in the order in which they came. Numbers that MongoDB takes for equal are one. The zero Set
// is empty and ready to use. It keeps the bytes of the values and does not copy them.
type Set struct {
	index map[string]int
	keys  []string
	list  []bson.RawValue
}

// Key is equal for values that MongoDB takes for equal: 5, 5.0 and NumberLong(5) are. Numbers inside documents and arrays
// are equal only if their types are, too.
func Key(v bson.RawValue) string {
	if n, ok := bsonedit.WholeNumber(v); ok {
		return string(binary.LittleEndian.AppendUint64([]byte{'#'}, uint64(n)))
	}
	return string(append([]byte{byte(v.Type)}, v.Value...))
}

// Add adds a value unless it is there. A null refers to nothing and is left out.
func (s *Set) Add(v bson.RawValue) {
	if v.Type == 0 || v.Type == bsontype.Null || v.Type == bsontype.Undefined {
		return
	}
	key := Key(v)
	if _, ok := s.index[key]; ok {
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[key] = len(s.list)
	s.keys, s.list = append(s.keys, key), append(s.list, v)
}

// AddEach adds a value, or the elements of an array.
func (s *Set) AddEach(v bson.RawValue) error {
	if v.Type != bsontype.Array {
		s.Add(v)
		return nil
	}
	r := bsonjson.NewReader(v.Value)
	for r.Next() {
		s.Add(bson.RawValue{Type: r.Type(), Value: r.Value()})
	}
	return r.Err()
}

// Len is the number of values.
func (s *Set) Len() int { return len(s.list) }

// Keys are the keys of the values, in their order. They belong to the set.
func (s *Set) Keys() []string { return s.keys }

// Values are the values in their order. They belong to the set.
func (s *Set) Values() []bson.RawValue { return s.list }

// Has reports whether there is a value with the key.
func (s *Set) Has(key string) bool {
	_, ok := s.index[key]
	return ok
}
