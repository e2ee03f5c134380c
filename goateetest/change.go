package goateetest

import (
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// clusterTime is the cluster time of a change that has not been given another by At.
var clusterTime = primitive.Timestamp{T: 1_700_000_000, I: 1}

// Insert returns an insert. doc is extended JSON in a string, or a Go value the driver can encode; it must have an _id.
// The namespace is "database.collection". Like all functions that make changes it panics on what makes no sense: it is
// for tests.
func Insert(namespace string, doc any) *goatee.Change {
	return withDocument(goatee.OpInsert, namespace, doc)
}

// Replace returns the replacement of a document as a whole.
func Replace(namespace string, doc any) *goatee.Change {
	return withDocument(goatee.OpReplace, namespace, doc)
}

// Read returns a document found by a direct read.
func Read(namespace string, doc any) *goatee.Change {
	return withDocument(goatee.OpRead, namespace, doc)
}

// Update returns an update. doc is the document after it, updated a document of dotted paths and their new values, or
// nil; removed are the paths that the update removed.
func Update(namespace string, doc, updated any, removed ...string) *goatee.Change {
	c := withDocument(goatee.OpUpdate, namespace, doc)
	c.Update = &goatee.UpdateDescription{UpdatedFields: raw(bson.D{})}
	if updated != nil {
		c.Update.UpdatedFields = raw(updated)
	}
	if len(removed) > 0 {
		c.Update.RemovedFields = value(removed)
	}
	return c
}

// Delete returns the delete of a document by its _id, a Go value: "a", 7, primitive.ObjectID and so on.
func Delete(namespace string, id any) *goatee.Change {
	return &goatee.Change{Op: goatee.OpDelete, Namespace: ns(namespace), ID: value(id), ClusterTime: clusterTime}
}

// DeleteOf returns the delete of a document in a collection that records pre-images: before is the document.
func DeleteOf(namespace string, before any) *goatee.Change {
	c := withDocument(goatee.OpDelete, namespace, before)
	c.Before, c.Document = c.Document, goatee.Document{}
	return c
}

// Drop returns the drop of a collection.
func Drop(namespace string) *goatee.Change {
	return &goatee.Change{Op: goatee.OpDrop, Namespace: ns(namespace), ClusterTime: clusterTime}
}

// DropDatabase returns the drop of a database.
func DropDatabase(database string) *goatee.Change {
	return &goatee.Change{
		Op: goatee.OpDropDatabase, Namespace: goatee.Namespace{Database: database}, ClusterTime: clusterTime,
	}
}

// Rename returns the rename of a collection.
func Rename(from, to string) *goatee.Change {
	target := ns(to)
	return &goatee.Change{Op: goatee.OpRename, Namespace: ns(from), To: &target, ClusterTime: clusterTime}
}

// At returns c with another cluster time: seconds since 1970, and the number of the operation within the second. Other
// changes have 1700000000 and 1.
func At(c *goatee.Change, seconds, increment uint32) *goatee.Change {
	c.ClusterTime = primitive.Timestamp{T: seconds, I: increment}
	return c
}

func withDocument(op goatee.Op, namespace string, doc any) *goatee.Change {
	d := raw(doc)
	id, err := d.LookupErr("_id")
	if err != nil {
		panic("goateetest: the document has no _id: " + d.String())
	}
	return &goatee.Change{
		Op: op, Namespace: ns(namespace), ID: id, Document: goatee.NewDocument(d), ClusterTime: clusterTime,
	}
}

func ns(s string) goatee.Namespace {
	n, err := goatee.ParseNamespace(s)
	if err != nil {
		panic("goateetest: " + err.Error())
	}
	return n
}

// raw encodes a document.
func raw(doc any) bson.Raw {
	if text, ok := doc.(string); ok {
		var d bson.D
		if err := bson.UnmarshalExtJSON([]byte(strings.TrimSpace(text)), false, &d); err != nil {
			panic(fmt.Sprintf("goateetest: extended JSON: %v in %s", err, text))
		}
		doc = d
	}
	b, err := bson.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("goateetest: encode %T: %v", doc, err))
	}
	return b
}

func value(v any) bson.RawValue {
	if v == nil {
		return bson.RawValue{Type: bson.TypeNull}
	}
	t, b, err := bson.MarshalValue(v)
	if err != nil {
		panic(fmt.Sprintf("goateetest: encode %T: %v", v, err))
	}
	return bson.RawValue{Type: t, Value: b}
}
