package sink

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

var (
	errNoChange   = errors.New("the action has no Change: set it to the change it comes from")
	errNoID       = errors.New("no id: the change has no _id and the action sets no ID")
	errIDLength   = fmt.Errorf("the id must be 1 to %d bytes", maxID)
	errIDText     = errors.New("the id is no valid UTF-8")
	errNoDocument = errors.New("no document to write")
	errVersion    = errors.New("the version is negative: external versions start at 0")
	errKind       = errors.New("unknown kind of action")
)

// line is an encoded action: bytes start to end of the body.
type line struct {
	action     int // index into the actions of the write
	start, end int
	// keyFrom and keyTo delimit, counted from start, index, id and routing as they were written: the identity of the
	// document, which is what order matters for.
	keyFrom, keyTo int
	doubts         int // how often the answer has left the outcome in doubt
}

// encoder appends actions to bulk request bodies. It is not safe for concurrent use.
type encoder struct {
	json    bsonjson.Options
	idForm  bsonjson.IDForm
	targets *targets

	lastNamespace goatee.Namespace // a write's actions mostly share one
	lastTarget    *target
	id            []byte
	lastVersion   int64 // direct reads share one for long
	versionText   []byte
}

// append appends an action to a body and says where its identity is. On an error the body keeps its length.
func (e *encoder) append(body []byte, a *goatee.Action) ([]byte, line, error) {
	start := len(body)
	body, l, err := e.appendAction(body, a)
	if err == nil && a.Kind != goatee.ActionDelete {
		body, err = e.appendBody(body, a)
	}
	if err != nil {
		return body[:start], line{}, err
	}
	l.start, l.end = start, len(body)
	return body, l, nil
}

// appendAction appends the action line. The order of its fields keeps the identity in one piece.
func (e *encoder) appendAction(dst []byte, a *goatee.Action) ([]byte, line, error) {
	start := len(dst)
	switch a.Kind {
	case goatee.ActionIndex:
		dst = append(dst, `{"index":{`...)
	case goatee.ActionCreate:
		dst = append(dst, `{"create":{`...)
	case goatee.ActionUpdate:
		dst = append(dst, `{"update":{`...)
	case goatee.ActionDelete:
		dst = append(dst, `{"delete":{`...)
	default:
		return dst, line{}, errKind
	}
	l := line{keyFrom: len(dst) - start}
	dst, err := e.appendIdentity(dst, a)
	if err != nil {
		return dst, line{}, err
	}
	l.keyTo = len(dst) - start
	dst, err = e.appendVersion(dst, a)
	if err != nil {
		return dst, line{}, err
	}
	// Elasticsearch runs no pipeline on updates and deletes.
	if a.Pipeline != "" && (a.Kind == goatee.ActionIndex || a.Kind == goatee.ActionCreate) {
		dst = append(dst, `,"pipeline":`...)
		dst = bsonjson.AppendString(dst, a.Pipeline)
	}
	if a.RetryOnConflict > 0 && a.Kind == goatee.ActionUpdate {
		dst = append(dst, `,"retry_on_conflict":`...)
		dst = strconv.AppendInt(dst, int64(a.RetryOnConflict), 10)
	}
	return append(dst, "}}\n"...), l, nil
}

func (e *encoder) appendIdentity(dst []byte, a *goatee.Action) ([]byte, error) {
	if a.Index != "" {
		if err := checkIndexName(a.Index); err != nil {
			return dst, err
		}
		dst = appendTarget(dst, a.Index)
	} else {
		t := e.target(a.Change.Namespace)
		if t.err != nil {
			return dst, t.err
		}
		dst = append(dst, t.prefix...)
	}
	if a.ID == "" && a.Change.ID.Type == bsontype.ObjectID && len(a.Change.ID.Value) == 12 {
		// Most ids: nothing to check or to escape.
		dst, _ = bsonjson.AppendID(append(dst, '"'), bsontype.ObjectID, a.Change.ID.Value, e.idForm)
		dst = append(dst, '"')
	} else {
		var err error
		if dst, err = e.appendID(dst, a); err != nil {
			return dst, err
		}
	}
	if a.Routing != "" {
		dst = append(dst, `,"routing":`...)
		dst = bsonjson.AppendString(dst, a.Routing)
	}
	return dst, nil
}

func (e *encoder) target(ns goatee.Namespace) *target {
	if e.lastTarget == nil || e.lastNamespace != ns {
		e.lastNamespace, e.lastTarget = ns, e.targets.get(ns)
	}
	return e.lastTarget
}

func (e *encoder) appendID(dst []byte, a *goatee.Action) ([]byte, error) {
	id, err := e.idText(a)
	switch {
	case err != nil:
		return dst, err
	case len(id) == 0 || len(id) > maxID:
		return dst, errIDLength
	case !utf8.Valid(id):
		return dst, errIDText
	}
	return bsonjson.AppendStringBytes(dst, id), nil
}

// idText returns the id of an action; it is valid until the next call.
func (e *encoder) idText(a *goatee.Action) (id []byte, err error) {
	e.id = e.id[:0]
	if a.ID != "" {
		e.id = append(e.id, a.ID...)
		return e.id, nil
	}
	if a.Change.ID.Type == bsontype.Type(0) {
		return nil, errNoID
	}
	e.id, err = bsonjson.AppendID(e.id, a.Change.ID.Type, a.Change.ID.Value, e.idForm)
	return e.id, err
}

// appendVersion appends the external version. Creates and updates go without: Elasticsearch refuses the whole request
// that holds a versioned one.
func (e *encoder) appendVersion(dst []byte, a *goatee.Action) ([]byte, error) {
	if a.Kind == goatee.ActionUpdate || a.Kind == goatee.ActionCreate {
		return dst, nil
	}
	version := a.ExternalVersion()
	switch {
	case version == 0:
		return dst, nil
	case version < 0:
		return dst, errVersion
	}
	if version != e.lastVersion {
		e.lastVersion = version
		e.versionText = strconv.AppendInt(append(e.versionText[:0], `,"version":`...), version, 10)
	}
	dst = append(dst, e.versionText...)
	switch a.VersionType {
	case goatee.VersionExternalGTE:
		return append(dst, `,"version_type":"external_gte"`...), nil
	case goatee.VersionExternal:
		return append(dst, `,"version_type":"external"`...), nil
	default:
		return dst, fmt.Errorf("unknown version type %d", a.VersionType)
	}
}

func (e *encoder) appendBody(dst []byte, a *goatee.Action) ([]byte, error) {
	doc := a.Body()
	if doc.IsZero() {
		return dst, errNoDocument
	}
	if a.Kind != goatee.ActionUpdate {
		dst, err := e.appendDocument(dst, doc)
		return append(dst, '\n'), err
	}
	dst, err := e.appendDocument(append(dst, `{"doc":`...), doc)
	return append(dst, ",\"doc_as_upsert\":true}\n"...), err
}

func (e *encoder) appendDocument(dst []byte, doc *goatee.Document) ([]byte, error) {
	if doc.IsDecoded() {
		fields, err := doc.Map()
		if err != nil {
			return dst, err
		}
		return bsonjson.AppendValue(dst, fields, &e.json)
	}
	raw, err := doc.Raw()
	if err != nil {
		return dst, err
	}
	// One step for a large document instead of many doublings.
	if room := jsonRoom(len(raw)); cap(dst)-len(dst) < room {
		dst = slices.Grow(dst, room)
	}
	return bsonjson.AppendDocument(dst, raw, &e.json)
}

// jsonRoom returns how many bytes the JSON of so many bytes of BSON mostly has room in: it is about as long.
func jsonRoom(bson int) int { return bson + bson/4 }
