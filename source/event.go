package source

import (
	"fmt"

	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// event is one change event, its fields as slices of the reply. Fields that are missing or null are nil.
type event struct {
	op          goatee.Op // 0 for operations that are ignored, such as createIndexes
	operation   bool      // whether there is an operationType at all
	token       []byte
	clusterTime primitive.Timestamp
	namespace   []byte
	to          []byte
	key         []byte
	full        []byte
	before      []byte
	update      []byte
}

// parse reads raw once.
func (e *event) parse(raw []byte) error {
	*e = event{}
	r := bsonjson.NewReader(raw)
	for r.Next() {
		switch r.Type() {
		case bsontype.EmbeddedDocument:
			if field := e.field(r.Key()); field != nil {
				*field = r.Value()
			}
		case bsontype.String:
			if string(r.Key()) == "operationType" {
				v := r.Value()
				e.op, e.operation = parseOp(v[4:len(v)-1]), true
			}
		case bsontype.Timestamp:
			if string(r.Key()) == "clusterTime" {
				e.clusterTime = timestamp(r.Type(), r.Value())
			}
		}
	}
	if err := r.Err(); err != nil {
		return fatal(fmt.Errorf("change event: %w", err))
	}
	return nil
}

// field returns where the document of that name is kept, or nil if it is not needed.
func (e *event) field(name []byte) *[]byte {
	switch string(name) {
	case "_id":
		return &e.token
	case "ns":
		return &e.namespace
	case "to":
		return &e.to
	case "documentKey":
		return &e.key
	case "fullDocument":
		return &e.full
	case "fullDocumentBeforeChange":
		return &e.before
	case "updateDescription":
		return &e.update
	}
	return nil
}

func parseOp(name []byte) goatee.Op {
	switch string(name) {
	case "insert":
		return goatee.OpInsert
	case "update":
		return goatee.OpUpdate
	case "replace":
		return goatee.OpReplace
	case "delete":
		return goatee.OpDelete
	case "drop":
		return goatee.OpDrop
	case "dropDatabase":
		return goatee.OpDropDatabase
	case "rename":
		return goatee.OpRename
	case "invalidate":
		return goatee.OpInvalidate
	}
	return 0
}

// missing returns the name of a field that the event cannot be applied without, or "".
func (e *event) missing() string {
	switch {
	case e.token == nil:
		return "_id"
	case !e.operation:
		return "operationType"
	case e.op == 0:
		return ""
	case e.clusterTime.IsZero():
		return "clusterTime"
	case e.op == goatee.OpInvalidate:
		return ""
	case e.namespace == nil:
		return "ns"
	case e.key == nil && isDocumentOp(e.op):
		return "documentKey"
	case e.op == goatee.OpRename && e.to == nil:
		return "to"
	}
	return ""
}

// isDocumentOp reports whether an event of a change stream is about one document.
func isDocumentOp(op goatee.Op) bool { return op >= goatee.OpInsert && op <= goatee.OpDelete }

// fill writes the event of a document into c, whose memory is b's.
func (e *event) fill(c *goatee.Change, b *block, ns goatee.Namespace) error {
	c.Op, c.Namespace, c.ClusterTime = e.op, ns, e.clusterTime
	t, id, ok := bsonjson.FindID(e.key)
	if !ok {
		return errLostField("documentKey._id")
	}
	c.ID = value(t, id)
	if e.full != nil {
		c.Document = document(e.full)
	}
	if e.before != nil {
		c.Before = document(e.before)
	}
	if e.update == nil || e.op != goatee.OpUpdate {
		return nil
	}
	c.Update = b.update()
	return fillUpdate(c.Update, e.update)
}

func fillUpdate(u *goatee.UpdateDescription, raw []byte) error {
	r := bsonjson.NewReader(raw)
	for r.Next() {
		switch string(r.Key()) {
		case "updatedFields":
			u.UpdatedFields = r.Value()
		case "removedFields":
			u.RemovedFields = value(r.Type(), r.Value())
		case "truncatedArrays":
			u.TruncatedArrays = value(r.Type(), r.Value())
		}
	}
	if err := r.Err(); err != nil {
		return fatal(fmt.Errorf("update description of a change event: %w", err))
	}
	return nil
}

// errLostField says that a change event lacks a field that only a pipeline can have removed.
func errLostField(field string) error {
	return fatal(&goatee.ConfigError{
		Setting: SettingPipeline,
		Problem: fmt.Sprintf("the change events have no %s any more", field),
		Remedy: "a change stream's pipeline must keep _id, operationType, clusterTime, ns and documentKey; " +
			"replace fullDocument instead of the root, with $addFields for instance",
	})
}
