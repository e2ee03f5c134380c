package goatee

import (
	"bytes"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Op is what happened to a document, a collection or a database.
type Op uint8

// The operations. Their names are those of MongoDB's change events, but for OpRead: a document found by a direct read.
const (
	OpInsert Op = iota + 1
	OpUpdate
	OpReplace
	OpDelete
	OpRead
	OpDrop
	OpDropDatabase
	OpRename
	OpInvalidate
)

var opNames = [...]string{
	OpInsert: "insert", OpUpdate: "update", OpReplace: "replace", OpDelete: "delete", OpRead: "read",
	OpDrop: "drop", OpDropDatabase: "dropDatabase", OpRename: "rename", OpInvalidate: "invalidate",
}

// String returns MongoDB's name of the operation, such as "insert" or "dropDatabase".
func (o Op) String() string {
	if int(o) < len(opNames) && opNames[o] != "" {
		return opNames[o]
	}
	return "unknown"
}

// IsBarrier reports whether everything read before the change must be durable before it is applied, alone: drops and
// renames. A source emits such a change as the only one of its batch.
func (o Op) IsBarrier() bool { return o == OpDrop || o == OpDropDatabase || o == OpRename }

// HasDocument reports whether the change leaves a document behind: insert, update, replace and read.
func (o Op) HasDocument() bool { return o >= OpInsert && o <= OpRead && o != OpDelete }

// Change is one thing that happened in MongoDB. Its bytes belong to the batch that brought it: who keeps a change
// beyond the call that received it keeps a Clone.
type Change struct {
	// Op is what happened.
	Op Op
	// Namespace is where. For OpDropDatabase its collection is empty.
	Namespace Namespace
	// ID is the document's _id with its BSON type; zero for drops, renames and invalidates.
	ID bson.RawValue
	// ClusterTime is the cluster time of the change. For OpRead it is a cluster time before the read's cursor was
	// opened, so that it is older than any change the read may have missed. It orders versions in Elasticsearch.
	ClusterTime primitive.Timestamp
	// Document is the document after the change. Zero for deletes, drops and updates of a document that is gone by now.
	Document Document
	// Before is the document before the change, when the collection records pre-images and the source asks for them.
	Before Document
	// Update says which fields an update touched; nil for everything else.
	Update *UpdateDescription
	// To is the new name of a renamed collection; nil for everything else. A rename drops the old name only: a source that
	// covers the new one emits an OpDrop of what had it before. Another source may cover it, and be ahead.
	To *Namespace
}

// Version returns the cluster time as an Elasticsearch external version: seconds in the upper 32 bits, increment in the
// lower ones. It fits a signed 64-bit version until the year 2038.
func (c *Change) Version() int64 {
	return int64(c.ClusterTime.T)<<32 | int64(c.ClusterTime.I)
}

// Clone returns a copy that shares no memory with c's batch.
func (c *Change) Clone() *Change {
	d := *c
	d.ID.Value = bytes.Clone(c.ID.Value)
	d.Document = c.Document.Clone()
	d.Before = c.Before.Clone()
	if c.Update != nil {
		u := c.Update.clone()
		d.Update = &u
	}
	if c.To != nil {
		to := *c.To
		d.To = &to
	}
	return &d
}

// UpdateDescription says what an update did, as MongoDB reports it.
type UpdateDescription struct {
	// UpdatedFields maps dotted paths to their new values.
	UpdatedFields bson.Raw
	// RemovedFields is an array of dotted paths.
	RemovedFields bson.RawValue
	// TruncatedArrays is an array of {field, newSize}.
	TruncatedArrays bson.RawValue
}

// Map decodes the description into the three fields of MongoDB's own updateDescription.
func (u *UpdateDescription) Map() (bson.M, error) {
	m := bson.M{}
	if len(u.UpdatedFields) > 0 {
		var fields bson.M
		if err := bson.Unmarshal(u.UpdatedFields, &fields); err != nil {
			return nil, err
		}
		m["updatedFields"] = fields
	}
	for key, v := range map[string]bson.RawValue{
		"removedFields": u.RemovedFields, "truncatedArrays": u.TruncatedArrays,
	} {
		if len(v.Value) == 0 {
			continue
		}
		var list bson.A
		if err := v.Unmarshal(&list); err != nil {
			return nil, err
		}
		m[key] = list
	}
	return m, nil
}

func (u *UpdateDescription) clone() UpdateDescription {
	d := *u
	d.UpdatedFields = bytes.Clone(u.UpdatedFields)
	d.RemovedFields.Value = bytes.Clone(u.RemovedFields.Value)
	d.TruncatedArrays.Value = bytes.Clone(u.TruncatedArrays.Value)
	return d
}
