package bulk

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
	errNoDocument = errors.New("no document to write")
	errVersion    = errors.New("the version is negative: external versions start at 0")
	errKind       = errors.New("unknown kind of action")
)

// Identity is where in an encoded action, counted from its start, index, id and routing stand as they were written: what
// tells one document from another.
type Identity struct{ From, To int }

// Options says how values are written. The zero value is the sink's default.
type Options struct {
	// JSON is how documents are written. A top-level _id is always left out, because Elasticsearch refuses one.
	JSON bsonjson.Options
	// IDForm is how an _id that is a document is written.
	IDForm bsonjson.IDForm
}

// Encoder appends actions to bulk request bodies. It allocates nothing for an action. It is not safe for concurrent use.
type Encoder struct {
	options Options
	targets *Targets

	lastNamespace goatee.Namespace // a write's actions mostly share one
	lastTarget    *target
	id            []byte
	lastVersion   int64 // direct reads share one for long
	versionText   []byte
}

// NewEncoder returns an encoder. Several may share targets; nil gives it its own.
func NewEncoder(o Options, targets *Targets) *Encoder {
	if targets == nil {
		targets = new(Targets)
	}
	o.JSON.OmitID = true
	return &Encoder{options: o, targets: targets}
}

// Append appends an action to a body and says where its identity is. Drops are no bulk actions and are refused, as is
// whatever Elasticsearch would refuse a whole request for. On an error the body keeps its length.
func (e *Encoder) Append(body []byte, a *goatee.Action) ([]byte, Identity, error) {
	if a.Change == nil {
		return body, Identity{}, errNoChange
	}
	start := len(body)
	body, id, err := e.appendAction(body, a)
	if err == nil && a.Kind != goatee.ActionDelete {
		body, err = e.appendBody(body, a)
	}
	if err != nil {
		return body[:start], Identity{}, err
	}
	return body, id, nil
}

// appendAction appends the action line. The order of its fields keeps the identity in one piece.
func (e *Encoder) appendAction(dst []byte, a *goatee.Action) ([]byte, Identity, error) {
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
		return dst, Identity{}, errKind
	}
	id := Identity{From: len(dst) - start}
	dst, err := e.appendIdentity(dst, a)
	if err != nil {
		return dst, Identity{}, err
	}
	id.To = len(dst) - start
	dst, err = e.appendVersion(dst, a)
	if err != nil {
		return dst, Identity{}, err
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
	return append(dst, "}}\n"...), id, nil
}

func (e *Encoder) appendIdentity(dst []byte, a *goatee.Action) ([]byte, error) {
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
		dst, _ = bsonjson.AppendID(append(dst, '"'), bsontype.ObjectID, a.Change.ID.Value, e.options.IDForm)
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

func (e *Encoder) target(ns goatee.Namespace) *target {
	if e.lastTarget == nil || e.lastNamespace != ns {
		e.lastNamespace, e.lastTarget = ns, e.targets.get(ns)
	}
	return e.lastTarget
}

func (e *Encoder) appendID(dst []byte, a *goatee.Action) ([]byte, error) {
	id, err := e.ID(a)
	if err != nil {
		return dst, err
	}
	return bsonjson.AppendStringBytes(dst, id), nil
}

// ID returns the id of an action; it is valid until the next call. With an error about the id itself it returns that id.
func (e *Encoder) ID(a *goatee.Action) ([]byte, error) {
	e.id = e.id[:0]
	switch {
	case a.ID != "":
		e.id = append(e.id, a.ID...)
	case a.Change == nil:
		return nil, errNoChange
	case a.Change.ID.Type == bsontype.Type(0):
		return nil, errNoID
	default:
		var err error
		if e.id, err = bsonjson.AppendID(e.id, a.Change.ID.Type, a.Change.ID.Value, e.options.IDForm); err != nil {
			return nil, err
		}
	}
	switch {
	case len(e.id) == 0 || len(e.id) > MaxID:
		return e.id, errIDLength
	case !utf8.Valid(e.id):
		return e.id, errIDText
	}
	return e.id, nil
}

// appendVersion appends the external version. Creates and updates go without: Elasticsearch refuses the whole request
// that holds a versioned one.
func (e *Encoder) appendVersion(dst []byte, a *goatee.Action) ([]byte, error) {
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

func (e *Encoder) appendBody(dst []byte, a *goatee.Action) ([]byte, error) {
	doc := &a.Document
	if doc.IsZero() {
		doc = &a.Change.Document
	}
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

func (e *Encoder) appendDocument(dst []byte, doc *goatee.Document) ([]byte, error) {
	if doc.IsDecoded() {
		fields, err := doc.Map()
		if err != nil {
			return dst, err
		}
		return bsonjson.AppendValue(dst, fields, &e.options.JSON)
	}
	raw, err := doc.Raw()
	if err != nil {
		return dst, err
	}
	// One step for a large document instead of many doublings.
	if room := JSONRoom(len(raw)); cap(dst)-len(dst) < room {
		dst = slices.Grow(dst, room)
	}
	return bsonjson.AppendDocument(dst, raw, &e.options.JSON)
}

// JSONRoom returns how many bytes to set aside for the JSON of a document of so many bytes of BSON: it is about as long.
func JSONRoom(bson int) int { return bson + bson/4 }
