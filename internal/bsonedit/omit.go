package bsonedit

import (
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// Omit leaves fields out. Where a path passes through an array it applies to each element.
func Omit(paths []Path) Edit { return &omit{newTree(paths)} }

type omit struct{ paths *tree }

func (o *omit) Growth() int { return 0 }

func (o *omit) Append(dst, src []byte) ([]byte, bool, error) {
	return omitFrom(dst, src, o.paths, false)
}

// omitFrom copies a document without the paths, or an array whose elements are without them.
func omitFrom(dst, src []byte, t *tree, array bool) (out []byte, changed bool, err error) {
	c := newCopier(dst, src)
	for c.Next() {
		below := t
		if !array {
			below = t.child(c.Key())
		}
		switch {
		case below == nil:
		case below.leaf && !array:
			c.replace()
			changed = true
		case nests(c.Type()):
			c.enter()
			var ch bool
			if c.dst, ch, err = omitFrom(c.dst, c.Value(), below, c.Type() == bsontype.Array); err != nil {
				return dst, false, err
			}
			changed = changed || ch
		}
	}
	out, err = c.finish(nil)
	return out, changed, err
}

func (o *omit) EditMap(m bson.M) error {
	omitMap(m, o.paths)
	return nil
}

func omitMap(v any, t *tree) {
	if m, ok := asMap(v); ok {
		for _, below := range t.children {
			if below.leaf {
				delete(m, below.name)
			} else {
				omitMap(m[below.name], below)
			}
		}
	} else if a, ok := asArray(v); ok {
		for _, element := range a {
			omitMap(element, t)
		}
	}
}
