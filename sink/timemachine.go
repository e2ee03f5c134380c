package sink

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"

	"github.com/goatee-sync/goatee"
)

// The fields of an entry whose names are fixed.
const (
	sourceIDField = "_source_id"
	deletedField  = "_source_deleted"
)

// TimeMachine records every change of a document as an entry of its own, beside the document itself: the field
// _source_id holds the document's id, which is also the entry's routing value, so that a search for one document's
// history needs to ask one shard only. Entries go to the index prefix.index.date, where index is that of the document
// and date that of the change.
//
// The id of an entry is made of the document's target and of what MongoDB says of the change: a change that is delivered
// again adds nothing, and the changes that a transaction makes to one document are entries of their own, although they
// share a cluster time. Only if a transaction does exactly the same to one document twice, such as setting a field to 1,
// to 2 and to 1 again, is that one entry.
//
// An entry holds what is written for its change. The document of an update is looked up a moment later, unless the source
// reads post-images: it may hold what later updates did, and if it is gone by then there is no entry.
//
// [History] reads what has been recorded.
//
// An entry that cannot be written is a failure of its change, like one of the document. Other sinks that wrap the bulk
// sink, such as Stateful, go around a TimeMachine. It is safe for concurrent use.
type TimeMachine struct {
	next    goatee.Sink
	targets goatee.Targeter
	config  timeMachineConfig
}

var (
	_ goatee.Sink        = (*TimeMachine)(nil)
	_ goatee.EveryChange = (*TimeMachine)(nil)
)

// NewTimeMachine returns a sink that hands on to next, which is a Bulk or wraps one.
func NewTimeMachine(next goatee.Sink, opts ...TimeMachineOption) (*TimeMachine, error) {
	c, err := newTimeMachineConfig(opts)
	if err != nil {
		return nil, err
	}
	targets, ok := goatee.As[goatee.Targeter](next)
	if !ok {
		return nil, misuse("NewTimeMachine", "next cannot tell where it writes", "give a sink that is or wraps a goatee.Targeter, such as Bulk")
	}
	return &TimeMachine{next, targets, c}, nil
}

// Unwrap returns the next sink.
func (t *TimeMachine) Unwrap() goatee.Sink { return t.next }

// EveryChange returns true: no change may be left out because a later one is known already.
func (t *TimeMachine) EveryChange() bool { return true }

// Write writes actions and the entries of those that are to be recorded.
func (t *TimeMachine) Write(ctx context.Context, actions []goatee.Action) error {
	r := NewRewrite(actions)
	for i := range actions {
		r.Keep(i)
		if !t.records(&actions[i]) {
			continue
		}
		// Where there is no target the next sink refuses the action.
		if to, err := t.targets.Target(&actions[i]); err == nil {
			t.record(r, i, &actions[i], to)
		}
	}
	return r.Write(ctx, t.next)
}

// records reports whether there is to be an entry of an action. What a transformer has deleted, or a delete strategy has
// left behind, is no delete in MongoDB.
func (t *TimeMachine) records(a *goatee.Action) bool {
	if a.Change == nil || (t.config.namespaces != nil && !t.config.namespaces[a.Change.Namespace]) {
		return false
	}
	switch a.Kind {
	case goatee.ActionDelete:
		return t.config.deletes && a.Change.Op == goatee.OpDelete
	case goatee.ActionDrop:
		return false
	default:
		return t.config.reads || a.Change.Op != goatee.OpRead
	}
}

func (t *TimeMachine) record(r *Rewrite, i int, a *goatee.Action, to goatee.Target) {
	doc, err := t.entry(a, to.ID)
	if err != nil {
		return // the document's own write fails for the same reason
	}
	r.Add(i, goatee.Action{
		Kind: goatee.ActionCreate, VersionType: goatee.VersionInternal, // a conflict means that the entry is there
		Change: a.Change, Document: doc, Pipeline: a.Pipeline,
		Index: t.index(to.Index, a.Change), ID: entryID(a.Change, to), Routing: to.ID,
	})
}

// index is where an entry of a document in index goes. The date alone is a layout: names may hold digits.
func (t *TimeMachine) index(index string, c *goatee.Change) string {
	return strings.ToLower(t.config.prefix + "." + index + "." + date(c).Format(t.config.suffix))
}

func date(c *goatee.Change) time.Time { return time.Unix(int64(c.ClusterTime.T), 0).UTC() }

// entryID names a change of the document at a target. A change of a transaction shares its cluster time with others: what
// it did tells them apart. The document of an update says nothing: it may have been looked up later.
func entryID(c *goatee.Change, to goatee.Target) string {
	doc := bson.Raw(nil)
	if c.Op == goatee.OpInsert || c.Op == goatee.OpReplace {
		doc, _ = c.Document.Raw() // one that has no bytes cannot be written either
	}
	b := make([]byte, 0, len(to.Index)+len(to.ID)+len(to.Routing)+len(doc)+64)
	part := func(p []byte) { b = append(binary.BigEndian.AppendUint64(b, uint64(len(p))), p...) }
	part([]byte(to.Index))
	part([]byte(to.ID))
	part([]byte(to.Routing))
	b = binary.BigEndian.AppendUint64(append(b, byte(c.Op)), uint64(c.Version()))
	if u := c.Update; u != nil {
		part(u.UpdatedFields)
		part(u.RemovedFields.Value)
		part(u.TruncatedArrays.Value)
	}
	part(doc)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// entry returns what an entry holds: the document as it is written, and whence it comes.
func (t *TimeMachine) entry(a *goatee.Action, id string) (goatee.Document, error) {
	doc := a.Document
	if doc.IsZero() {
		doc = a.Change.Document
	}
	if a.Kind == goatee.ActionDelete {
		doc = goatee.Document{}
	}
	if doc.IsDecoded() {
		m, err := doc.Map()
		if err != nil {
			return goatee.Document{}, err
		}
		return t.entryOfMap(a, m, id)
	}
	raw, err := doc.Raw()
	if err != nil {
		return goatee.Document{}, err
	}
	return t.entryOfRaw(a, raw, id)
}

func (t *TimeMachine) entryOfMap(a *goatee.Action, m bson.M, id string) (goatee.Document, error) {
	e := maps.Clone(m)
	delete(e, deletedField)
	e[sourceIDField] = id
	e[t.config.tsField] = bson.D{{Key: "T", Value: int64(a.Change.ClusterTime.T)}, {Key: "I", Value: int64(a.Change.ClusterTime.I)}}
	e[t.config.dateField] = date(a.Change).Format(t.config.dateFormat)
	return goatee.DocumentOf(e)
}

// entryOfRaw copies a document without decoding it.
func (t *TimeMachine) entryOfRaw(a *goatee.Action, raw bson.Raw, id string) (goatee.Document, error) {
	start, dst := bsoncore.AppendDocumentStart(make([]byte, 0, len(raw)+len(id)+160))
	if err := t.copyElements(&dst, raw); err != nil {
		return goatee.Document{}, err
	}
	dst = bsoncore.AppendStringElement(dst, sourceIDField, id)
	at, dst := bsoncore.AppendDocumentElementStart(dst, t.config.tsField)
	dst = bsoncore.AppendInt64Element(dst, "T", int64(a.Change.ClusterTime.T))
	dst = bsoncore.AppendInt64Element(dst, "I", int64(a.Change.ClusterTime.I))
	dst, err := bsoncore.AppendDocumentEnd(dst, at)
	if err != nil {
		return goatee.Document{}, err
	}
	dst = bsoncore.AppendStringElement(dst, t.config.dateField, date(a.Change).Format(t.config.dateFormat))
	if a.Kind == goatee.ActionDelete {
		dst = bsoncore.AppendBooleanElement(dst, deletedField, true)
	}
	dst, err = bsoncore.AppendDocumentEnd(dst, start)
	return goatee.NewDocument(dst), err
}

// copyElements appends the elements of a document that are not the time machine's.
func (t *TimeMachine) copyElements(dst *[]byte, raw bson.Raw) error {
	if len(raw) == 0 {
		return nil
	}
	_, rest, ok := bsoncore.ReadLength(raw)
	for ok && len(rest) > 1 {
		var e bsoncore.Element
		if e, rest, ok = bsoncore.ReadElement(rest); ok && !t.owns(e.Key()) {
			*dst = append(*dst, e...)
		}
	}
	if !ok {
		return raw.Validate()
	}
	return nil
}

// owns reports whether a field of an entry is the time machine's: Elasticsearch refuses two fields of one name.
func (t *TimeMachine) owns(field string) bool {
	return field == sourceIDField || field == deletedField || field == t.config.tsField || field == t.config.dateField
}
