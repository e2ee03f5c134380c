package goateetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// Collections are MongoDB collections in memory: a Finder for the transformers that look documents up. Of MongoDB's
// queries they know what those use: {field: value}, {field: {$eq: value}}, {field: {$in: values}} and {$or: [...]} of such,
// with dotted paths and arrays, and projections of top-level fields. They are safe for concurrent use.
type Collections struct {
	mu      sync.Mutex
	docs    map[goatee.Namespace][]bson.Raw
	queries int
	err     error
}

// NewCollections returns collections without documents.
func NewCollections() *Collections { return &Collections{docs: map[goatee.Namespace][]bson.Raw{}} }

// Put stores documents, extended JSON or Go values, in place of those with the same _id.
func (c *Collections) Put(namespace string, docs ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := ns(namespace)
	for _, doc := range docs {
		d := raw(doc)
		c.docs[n] = append(without(c.docs[n], d.Lookup("_id")), d)
	}
}

// Remove removes the document with an _id.
func (c *Collections) Remove(namespace string, id any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := ns(namespace)
	c.docs[n] = without(c.docs[n], value(id))
}

func without(docs []bson.Raw, id bson.RawValue) []bson.Raw {
	return slices.DeleteFunc(slices.Clone(docs), func(d bson.Raw) bool { return same(d.Lookup("_id"), id) })
}

// Fail makes queries fail with err from now on; nil makes them work again.
func (c *Collections) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// Queries returns how often Find has been called.
func (c *Collections) Queries() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queries
}

// Find yields the documents of a collection that the filter matches, in the order in which they were put. A collection
// that does not exist has none.
func (c *Collections) Find(ctx context.Context, n goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error] {
	return func(yield func(bson.Raw, error) bool) {
		c.mu.Lock()
		c.queries++
		docs, err := c.docs[n], c.err
		c.mu.Unlock()
		for _, d := range docs {
			if err == nil {
				err = ctx.Err()
			}
			matched := false
			if err == nil {
				matched, err = matches(d, filter)
			}
			if err != nil {
				break
			}
			if matched && !yield(project(d, projection), nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func matches(doc bson.Raw, filter bson.D) (bool, error) {
	for _, condition := range filter {
		if condition.Key == "$or" {
			if any, err := matchesAny(doc, condition.Value); err != nil || !any {
				return false, err
			}
			continue
		}
		if strings.HasPrefix(condition.Key, "$") {
			return false, fmt.Errorf("goateetest: collections in memory do not know %s", condition.Key)
		}
		want, err := wanted(condition.Value)
		if err != nil {
			return false, err
		}
		found := fieldValues(value(doc), strings.Split(condition.Key, "."))
		if !slices.ContainsFunc(found, func(v bson.RawValue) bool {
			return slices.ContainsFunc(want, func(w bson.RawValue) bool { return same(v, w) })
		}) {
			return false, nil
		}
	}
	return true, nil
}

// matchesAny reports whether one of the filters of an $or matches.
func matchesAny(doc bson.Raw, or any) (bool, error) {
	filters, ok := or.(bson.A)
	if !ok {
		return false, errors.New("goateetest: want $or as a bson.A")
	}
	for _, f := range filters {
		filter, ok := f.(bson.D)
		if !ok {
			return false, errors.New("goateetest: want the filters of $or as bson.D")
		}
		if matched, err := matches(doc, filter); err != nil || matched {
			return matched, err
		}
	}
	return false, nil
}

// wanted returns the values a condition allows.
func wanted(condition any) ([]bson.RawValue, error) {
	d, ok := condition.(bson.D)
	if !ok || len(d) != 1 || !strings.HasPrefix(d[0].Key, "$") {
		return []bson.RawValue{value(condition)}, nil
	}
	switch d[0].Key {
	case "$eq":
		return []bson.RawValue{value(d[0].Value)}, nil
	case "$in":
		return value(d[0].Value).Array().Values()
	}
	return nil, fmt.Errorf("goateetest: collections in memory do not know %s", d[0].Key)
}

// fieldValues returns what a path leads to, elements of arrays each for itself as well.
func fieldValues(v bson.RawValue, path []string) (found []bson.RawValue) {
	if a, ok := v.ArrayOK(); ok {
		elements, _ := a.Values()
		for _, e := range elements {
			found = append(found, fieldValues(e, path)...)
		}
	}
	if len(path) == 0 {
		return append(found, v)
	}
	if d, ok := v.DocumentOK(); ok {
		if field, err := d.LookupErr(path[0]); err == nil {
			found = append(found, fieldValues(field, path[1:])...)
		}
	}
	return found
}

// same compares as MongoDB does, numbers by their value, but for numbers inside documents and arrays.
func same(a, b bson.RawValue) bool {
	if a.Type == b.Type && bytes.Equal(a.Value, b.Value) {
		return true
	}
	x, xok := a.AsInt64OK()
	y, yok := b.AsInt64OK()
	return xok && yok && x == y
}

// project returns the document with the fields of a projection.
func project(doc bson.Raw, projection bson.D) bson.Raw {
	if len(projection) == 0 {
		return doc
	}
	listed := map[string]bool{}
	include := false
	for _, p := range projection {
		on := fmt.Sprint(p.Value) != "0" && p.Value != false
		listed[p.Key] = on
		include = include || on
	}
	if _, ok := listed["_id"]; !ok && include {
		listed["_id"] = true
	}
	elements, err := doc.Elements()
	if err != nil {
		panic("goateetest: " + err.Error())
	}
	out := bson.D{}
	for _, e := range elements {
		if on, ok := listed[e.Key()]; ok && on || !ok && !include {
			out = append(out, bson.E{Key: e.Key(), Value: e.Value()})
		}
	}
	return raw(out)
}
