package goatee

// ActionKind is what a bulk action does.
type ActionKind uint8

// The kinds. The zero value indexes.
const (
	// ActionIndex writes the document, whether or not there is one with its id.
	ActionIndex ActionKind = iota
	// ActionCreate writes the document and fails when there is one with its id.
	ActionCreate
	// ActionUpdate merges the document into the one there is, or writes it when there is none (doc_as_upsert). It
	// carries no version: Elasticsearch refuses a whole bulk request that holds a versioned update.
	ActionUpdate
	// ActionDelete deletes by id.
	ActionDelete
	// ActionDrop deletes the indices of the change's namespace or database, or Index when it is set.
	ActionDrop
)

var actionNames = [...]string{"index", "create", "update", "delete", "drop"}

// String returns the bulk API's name of the kind.
func (k ActionKind) String() string {
	if int(k) < len(actionNames) {
		return actionNames[k]
	}
	return "unknown"
}

// VersionType says how Elasticsearch compares an action's version.
type VersionType uint8

// The version types. The zero value is external_gte: changes of one transaction share a cluster time, and the later
// one must win.
const (
	VersionExternalGTE VersionType = iota
	VersionExternal
	// VersionInternal sends no version: Elasticsearch counts by itself, and the order of writes decides.
	VersionInternal
)

var versionTypeNames = [...]string{"external_gte", "external", "internal"}

// String returns Elasticsearch's name of the version type.
func (v VersionType) String() string {
	if int(v) < len(versionTypeNames) {
		return versionTypeNames[v]
	}
	return "unknown"
}

// Action is one bulk action. Zero values mean the default: an action nobody touched carries no strings, its index, id
// and version are written from Change when the request body is built.
type Action struct {
	// Kind is what to do. Default: index.
	Kind ActionKind
	// VersionType is how versions are compared. Default: external_gte.
	VersionType VersionType
	// RetryOnConflict is sent with updates when not zero.
	RetryOnConflict int32
	// Version is the external version. Default: the change's cluster time.
	Version int64
	// Change is what the action comes from. Never nil.
	Change *Change
	// Document is what to write. Default: the change's document. Its top-level _id is left out, because Elasticsearch
	// refuses one.
	Document Document
	// Index is the target. Default: the namespace in lower case.
	Index string
	// ID is the document's id. Default: the text of the change's _id.
	ID string
	// Routing is the routing value. Default: none, and Elasticsearch routes by id.
	Routing string
	// Pipeline is the ingest pipeline to run. Default: none.
	Pipeline string
}

// Body returns the document the action writes, for reading and editing. That of its change becomes the action's own
// first: the change stays as MongoDB sent it. No bytes are copied for that.
func (a *Action) Body() *Document {
	if a.Document.IsZero() && a.Change != nil && !a.Change.Document.IsZero() {
		a.Document = a.Change.Document.editable()
	}
	return &a.Document
}

// ExternalVersion returns the version to send, or 0 for none.
func (a *Action) ExternalVersion() int64 {
	switch {
	case a.VersionType == VersionInternal || a.Kind == ActionUpdate || a.Kind == ActionDrop:
		return 0
	case a.Version != 0:
		return a.Version
	default:
		return a.Change.Version()
	}
}
