package bsonedit

import (
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// Set gives a field a value, as MongoDB's $addFields does: sub-documents that are missing are made, and take the place of
// values that are not documents; where the path passes through an array it applies to each element.
func Set(path Path, value bson.RawValue) Edit { return &set{path: path, value: value} }

type set struct {
	path  Path
	value bson.RawValue
}

func (s *set) Growth() int {
	n := len(s.value.Value)
	for _, name := range s.path {
		n += len(name) + 2 + documentFrame
	}
	return n
}

func (s *set) Append(dst, src []byte) ([]byte, bool, error) {
	out, err := s.setIn(dst, src, s.path)
	return out, true, err
}

func (s *set) setIn(dst, src []byte, path []string) (out []byte, err error) {
	found := false
	c := newCopier(dst, src)
	for c.Next() {
		if string(c.Key()) != path[0] {
			continue
		}
		c.replace()
		if found {
			continue
		}
		found = true
		if c.dst, err = s.replaced(c.dst, c.Type(), path[0], c.Value(), path[1:]); err != nil {
			return dst, err
		}
	}
	return c.finish(func(dst []byte) []byte {
		if found {
			return dst
		}
		return s.appendNew(dst, path)
	})
}

// replaced appends the field name with what becomes of its value; rest is the path below it.
func (s *set) replaced(dst []byte, t bsontype.Type, name string, value []byte, rest []string) ([]byte, error) {
	if len(rest) == 0 {
		return AppendField(dst, s.value.Type, name, s.value.Value), nil
	}
	if t == bsontype.Array {
		return s.setInArray(appendHeader(dst, t, name), value, rest)
	}
	return s.setBelow(appendHeader(dst, bsontype.EmbeddedDocument, name), t, value, rest)
}

// setBelow appends a document with the path set: value's own fields if it is one.
func (s *set) setBelow(dst []byte, t bsontype.Type, value []byte, path []string) ([]byte, error) {
	if t == bsontype.EmbeddedDocument {
		return s.setIn(dst, value, path)
	}
	start := len(dst)
	return CloseDocument(s.appendNew(OpenDocument(dst), path), start), nil
}

func (s *set) setInArray(dst, src []byte, path []string) (out []byte, err error) {
	c := newCopier(dst, src)
	for n := 0; c.Next(); n++ {
		c.replace()
		if c.Type() == bsontype.Array {
			c.dst, err = s.setInArray(appendIndexHeader(c.dst, c.Type(), n), c.Value(), path)
		} else {
			c.dst, err = s.setBelow(appendIndexHeader(c.dst, bsontype.EmbeddedDocument, n), c.Type(), c.Value(), path)
		}
		if err != nil {
			return dst, err
		}
	}
	return c.finish(nil)
}

// appendNew appends the field at the front of the path, with sub-documents for the rest.
func (s *set) appendNew(dst []byte, path []string) []byte {
	if len(path) == 1 {
		return AppendField(dst, s.value.Type, path[0], s.value.Value)
	}
	dst = appendHeader(dst, bsontype.EmbeddedDocument, path[0])
	start := len(dst)
	return CloseDocument(s.appendNew(OpenDocument(dst), path[1:]), start)
}

func (s *set) EditMap(m bson.M) error {
	v, err := DecodeValue(s.value)
	if err == nil {
		setMap(m, s.path, v)
	}
	return err
}

func setMap(m bson.M, path []string, v any) {
	if len(path) == 1 {
		m[path[0]] = v
		return
	}
	m[path[0]] = setValue(m[path[0]], path[1:], v)
}

// setValue returns old with the path set in it.
func setValue(old any, path []string, v any) any {
	if a, ok := asArray(old); ok {
		for i := range a {
			a[i] = setValue(a[i], path, v)
		}
		return a
	}
	m, ok := asMap(old)
	if !ok {
		m = bson.M{}
	}
	setMap(m, path, v)
	return m
}
