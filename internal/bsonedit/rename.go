package bsonedit

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
)

var errRename = errors.New("want another name in the same sub-document")

// Rename gives a field another name in the same sub-document. Where the path passes through an array it applies to each
// element. A field that has the new name already is replaced.
func Rename(from, to Path) (Edit, error) {
	last := len(from) - 1
	if len(to) != len(from) || !slices.Equal(from[:last], to[:last]) || from[last] == to[last] {
		return nil, errRename
	}
	return &rename{parents: from[:last], old: from[last], name: to[last]}, nil
}

type rename struct {
	parents   []string
	old, name string
}

func (r *rename) Growth() int { return max(0, len(r.name)-len(r.old)) }

func (r *rename) Append(dst, src []byte) ([]byte, bool, error) {
	return r.below(dst, src, r.parents, false)
}

// below renames in the document at the end of the path, on the way to which arrays may lie.
func (r *rename) below(dst, src []byte, parents []string, array bool) (out []byte, changed bool, err error) {
	if len(parents) == 0 && !array {
		return r.fields(dst, src)
	}
	c := newCopier(dst, src)
	for c.Next() {
		if !nests(c.Type()) || !array && string(c.Key()) != parents[0] {
			continue
		}
		rest := parents
		if !array {
			rest = parents[1:]
		}
		c.enter()
		var ch bool
		if c.dst, ch, err = r.below(c.dst, c.Value(), rest, c.Type() == bsontype.Array); err != nil {
			return dst, false, err
		}
		changed = changed || ch
	}
	out, err = c.finish(nil)
	return out, changed, err
}

func (r *rename) fields(dst, src []byte) (out []byte, changed bool, err error) {
	v, err := Lookup(src, Path{r.old})
	if err != nil {
		return dst, false, err
	}
	changed = v.Type != 0
	c := newCopier(dst, src)
	for changed && c.Next() {
		switch string(c.Key()) {
		case r.name:
			c.replace()
		case r.old:
			c.replace()
			c.dst = AppendField(c.dst, c.Type(), r.name, c.Value())
		}
	}
	out, err = c.finish(nil)
	return out, changed, err
}

func (r *rename) EditMap(m bson.M) error {
	r.editBelow(m, r.parents)
	return nil
}

func (r *rename) editBelow(v any, parents []string) {
	if a, ok := asArray(v); ok {
		for _, element := range a {
			r.editBelow(element, parents)
		}
		return
	}
	m, ok := asMap(v)
	if !ok {
		return
	}
	if len(parents) > 0 {
		r.editBelow(m[parents[0]], parents[1:])
	} else if v, ok := m[r.old]; ok {
		m[r.name] = v
		delete(m, r.old)
	}
}
