package transform

import (
	"context"
	"iter"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Finder reads documents from MongoDB, for Lookup and RelateSource; source.NewFinder returns one.
type Finder interface {
	// Find yields the documents of a collection or view that the filter matches, read from the primary, with the
	// fields of the projection, all of them when it is nil. What it yields is valid until the next one. It retries by
	// itself what may pass until ctx ends, and may then yield a document again; an error is the last thing it yields.
	// It is called by several goroutines.
	Find(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error]
}

// FindFunc makes a function a Finder.
type FindFunc func(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error]

// Find calls f.
func (f FindFunc) Find(ctx context.Context, ns goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error] {
	return f(ctx, ns, filter, projection)
}

const (
	queryValues = 5000    // at most so many values in one query
	queryBytes  = 4 << 20 // and about so many bytes of them: MongoDB takes 16 MB
)

// valueSet is distinct BSON values in the order in which they came. Numbers that MongoDB takes for equal are one.
type valueSet struct {
	index map[string]int
	keys  []string
	list  []bson.RawValue
}

// add adds a value unless it is there. A null is no reference to anything.
func (s *valueSet) add(v bson.RawValue) {
	if v.Type == 0 || v.Type == bsontype.Null || v.Type == bsontype.Undefined {
		return
	}
	key := valueKey(v)
	if _, ok := s.index[key]; ok {
		return
	}
	if s.index == nil {
		s.index = map[string]int{}
	}
	s.index[key] = len(s.list)
	s.keys, s.list = append(s.keys, key), append(s.list, v)
}

// addEach adds a value, or the elements of an array.
func (s *valueSet) addEach(v bson.RawValue) error {
	if v.Type != bsontype.Array {
		s.add(v)
		return nil
	}
	r := bsonjson.NewReader(v.Value)
	for r.Next() {
		s.add(bson.RawValue{Type: r.Type(), Value: r.Value()})
	}
	return r.Err()
}

// chunks yields the values in portions that fit a query.
func (s *valueSet) chunks(yield func([]bson.RawValue) bool) {
	for rest := s.list; len(rest) > 0; {
		n, bytes := 0, 0
		for n < len(rest) && n < queryValues && (n == 0 || bytes < queryBytes) {
			bytes += len(rest[n].Value)
			n++
		}
		if !yield(rest[:n]) {
			return
		}
		rest = rest[n:]
	}
}

// valueKey is equal for values that MongoDB takes for equal: 5, 5.0 and NumberLong(5) are.
func valueKey(v bson.RawValue) string {
	switch v.Type {
	case bsontype.Int32, bsontype.Int64, bsontype.Double:
		if n, ok := wholeNumber(v); ok {
			return "#" + string(appendUint64(nil, uint64(n)))
		}
	}
	return string(append([]byte{byte(v.Type)}, v.Value...))
}
