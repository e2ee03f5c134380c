package bsonedit

import (
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
)

// Pick keeps only the fields at the paths. Where a path passes through an array it applies to each element that is a
// document, and the other elements are left out.
func Pick(paths []Path) Edit { return &pick{newTree(paths)} }

type pick struct{ paths *tree }

func (p *pick) Growth() int { return 0 }

func (p *pick) Append(dst, src []byte) ([]byte, bool, error) {
	out, err := pickFrom(dst, src, p.paths)
	return out, true, err
}

func pickFrom(dst, src []byte, t *tree) (out []byte, err error) {
	c := newCopier(dst, src)
	for c.Next() {
		below := t.child(c.Key())
		switch {
		case below == nil || !below.leaf && !nests(c.Type()):
			c.replace()
		case below.leaf:
		default:
			c.enter()
			if c.dst, err = pickBelow(c.dst, c.Type(), c.Value(), below); err != nil {
				return dst, err
			}
		}
	}
	return c.finish(nil)
}

func pickBelow(dst []byte, t bsontype.Type, src []byte, below *tree) (out []byte, err error) {
	if t == bsontype.EmbeddedDocument {
		return pickFrom(dst, src, below)
	}
	c := newCopier(dst, src)
	for n := 0; c.Next(); {
		c.replace()
		if !nests(c.Type()) {
			continue
		}
		c.dst = appendIndexHeader(c.dst, c.Type(), n)
		if c.dst, err = pickBelow(c.dst, c.Type(), c.Value(), below); err != nil {
			return dst, err
		}
		n++
	}
	return c.finish(nil)
}

func (p *pick) EditMap(m bson.M) error {
	pickMap(m, p.paths)
	return nil
}

func pickMap(m bson.M, t *tree) {
	for name, v := range m {
		below := t.child([]byte(name))
		if below == nil {
			delete(m, name)
		} else if !below.leaf {
			if picked, ok := pickValue(v, below); ok {
				m[name] = picked
			} else {
				delete(m, name)
			}
		}
	}
}

// pickValue returns what is left of a value; ok is false for one that holds no fields.
func pickValue(v any, t *tree) (left any, ok bool) {
	if m, ok := asMap(v); ok {
		pickMap(m, t)
		return m, true
	}
	a, ok := asArray(v)
	if !ok {
		return nil, false
	}
	kept := a[:0]
	for _, element := range a {
		if picked, ok := pickValue(element, t); ok {
			kept = append(kept, picked)
		}
	}
	return kept, true
}
