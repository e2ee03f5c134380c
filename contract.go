package goatee

import (
	"context"
	"log/slog"

	"go.mongodb.org/mongo-driver/bson/primitive"
)

// Source produces the changes of one ordered stream.
type Source interface {
	// Name is stable across restarts: the key of the stored position, the attribute of every log line and metric.
	Name() string
	// Run reads until ctx ends (it returns ctx's error), the stream is exhausted (nil) or can never continue
	// (ErrPositionLost and other errors). It reconnects by itself. It is called once at a time, and again with another
	// position after a lost one. emit takes what one read brought, in order, and blocks while the pipeline is full:
	// that is the back-pressure. It is called by one goroutine at a time.
	Run(ctx context.Context, from Position, emit EmitFunc) error
}

// EmitFunc hands a batch to the pipeline, which owns it until it calls the batch's Release. An error means that the
// pipeline takes no more: the source returns it.
type EmitFunc func(ctx context.Context, b *Batch) error

// Batch is what one read brought. A change that is a barrier (Op.IsBarrier) comes alone in its batch: anything else is
// refused with an error. A batch without changes moves the position of an idle source.
type Batch struct {
	// Changes in the order of the stream. Nobody modifies them once they are emitted.
	Changes []Change
	// Failed are changes that the source cannot complete because of what they hold. Each becomes a dead letter before the
	// batch's position is passed.
	Failed []FailedChange
	// Position of the source behind the last change.
	Position Position
	// Head is the newest cluster time that MongoDB has told of when the batch was read. Zero when it is not known.
	Head primitive.Timestamp
	// CaughtUp says that there was nothing more to read when the batch was read.
	CaughtUp bool
	// Bytes is the memory the batch pins, for the in-flight budget. Default: the sum of its documents.
	Bytes int
	// Release, when not nil, is called once when nothing in the pipeline refers to the batch any more.
	Release func()
}

// FailedChange is a change that its source cannot complete, and why.
type FailedChange struct {
	Change Change
	Err    error
}

// SourceKind says what a source reads. Position stores keep the kinds apart.
type SourceKind uint8

// The kinds of sources. The zero value is a source that goatee knows nothing about.
const (
	KindOther SourceKind = iota
	KindChangeStream
	KindOplog
	KindDirectRead
)

var kindNames = [...]string{"other", "change stream", "oplog", "direct read"}

// String returns the kind in words, such as "change stream".
func (k SourceKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// SourceID identifies a source: its name, which is unique within a Syncer, and what it reads.
type SourceID struct {
	Name string
	Kind SourceKind
	// Namespace is what the source reads: a collection, a database, or zero for a whole deployment.
	Namespace Namespace
}

// Identifier is a Source that says what it reads. Positions of a source without it are stored by its name alone.
type Identifier interface {
	// SourceID returns the same value at any time.
	SourceID() SourceID
}

// Starter is a Source that knows where to start when no position is stored: Start returns a position at or before which
// nothing will be missed. It is called before any source runs, and what it returns is stored before the first change is
// read.
type Starter interface {
	Start(ctx context.Context) (Position, error)
}

// DirectReader is a Source that reads the documents of one namespace as they are, while change streams may be bringing
// newer ones. Its changes are OpRead; the pipeline drops those that are older than a delete it has written since. When it
// would have to remember too many deletes it ends the context of Run and calls Run again, from the same position: the
// second run must read at newer cluster times.
type DirectReader interface {
	// Namespace is what it reads.
	Namespace() Namespace
	// Stateful says whether its position is stored, so that a complete read is not repeated.
	Stateful() bool
	// Begun reports whether the run has begun to read: from before it asks for the cluster time of its first cursor. As
	// long as it has not, for example because it waits for its turn, the pipeline need not remember any deletes for it.
	// It is safe for concurrent use.
	Begun() bool
}

// Estimator is a Source that knows about how many documents it will bring in all; 0 when it does not know yet.
type Estimator interface {
	Estimate() int64
}

// DocumentFetcher is a Source that emits updates without their documents.
type DocumentFetcher interface {
	// Fetch fills in the document of each change, read at or after the cluster time of that change; one that is gone
	// keeps a zero Document. It returns those it has left for the next call because the documents of this one are many
	// bytes already. It calls fail, before it returns, for each change whose document MongoDB refuses to return for a
	// reason that lies in that document alone: the change becomes a dead letter and the others are not affected. It
	// retries by itself until ctx ends; an error it returns ends the run. Called by several goroutines.
	Fetch(ctx context.Context, changes []*Change, fail func(*Change, error)) (rest []*Change, err error)
}

// Checker is a Source, Transformer, Sink or PositionStore that can tell before anything is read whether it will be able
// to work. Its error names the setting at fault and the remedy.
type Checker interface {
	Check(ctx context.Context) error
}

// Instrumented is a Source, Transformer, Sink, PositionStore or Elector that logs, or reports changes of state. New gives
// it the Syncer's logger and observer; what it was given by an option of its own stays. It is called before Run, by one
// goroutine.
type Instrumented interface {
	Instrument(logger *slog.Logger, observer Observer)
}

// Transformer turns the actions prepared for a change into those to write: edit, add, replace by a delete (drop), or
// return none (skip: the change counts as done). It may reuse actions. It is called from several goroutines, never
// concurrently for one document. It must not modify the change: Action.Body gives a document that may be edited. An error
// or a panic dead-letters the change and harms nothing else; an error made by Retry has the change transformed again
// later.
type Transformer interface {
	Transform(ctx context.Context, c *Change, actions []Action) ([]Action, error)
}

// BatchTransformer is a Transformer that a lane calls once for everything it is about to write, so that what is looked
// up can be looked up together. It sets Actions or Err of each item. When it returns an error or panics it is called again
// for each item alone, so that the others are not affected.
type BatchTransformer interface {
	TransformBatch(ctx context.Context, items []Item) error
}

// Item is a change on its way through a BatchTransformer.
type Item struct {
	Change  *Change
	Actions []Action
	Err     error
}

// LatestOnly is a Transformer that can say whether its result for a document depends on nothing but the document's
// newest state. If so, a lane collapses the changes of one document within a batch into the last.
type LatestOnly interface {
	LatestOnly() bool
}

// TransformFunc makes a function a Transformer.
type TransformFunc func(ctx context.Context, c *Change, actions []Action) ([]Action, error)

// Transform calls f.
func (f TransformFunc) Transform(ctx context.Context, c *Change, actions []Action) ([]Action, error) {
	return f(ctx, c, actions)
}

// Sink makes actions durable.
type Sink interface {
	// Write returns when the actions are durable, in order for each document, retrying what may pass until ctx ends.
	// nil: all are durable or superseded by a newer version. *BatchError: all are, but for those it names, which were
	// refused or are to be written again later, as their class says. Any other error: unknown, nothing may be
	// acknowledged. Called by several goroutines, each with documents of its own. actions belong to the caller again
	// when Write has returned; the errors own what they hold.
	Write(ctx context.Context, actions []Action) error
}

// EveryChange is a Sink that can ask for every change: if EveryChange returns true, no changes of one document are
// collapsed into the last, even if the transformer is LatestOnly.
type EveryChange interface {
	EveryChange() bool
}

// Targeter is a Sink that can tell where it would write an action.
type Targeter interface {
	// Target returns where the action would go. It fails where Write would refuse the action for its target.
	Target(a *Action) (Target, error)
}

// StateOwner is a PositionStore, Elector or Sink that keeps state in MongoDB. The pipeline leaves out changes of these
// collections: following its own writes it would never be idle.
type StateOwner interface {
	// OwnNamespaces returns the collections it writes.
	OwnNamespaces() []Namespace
}

// PositionStore keeps positions between runs. Its methods are not called concurrently.
type PositionStore interface {
	// Load returns the stored position of a source, or the zero Position when there is none.
	Load(ctx context.Context, source SourceID) (Position, error)
	// Save stores positions durably. With a fencing token older than one it has seen it fails with ErrFenced and
	// changes nothing.
	Save(ctx context.Context, fence Fence, positions []SourcePosition) error
}

// Elector decides which one of several processes works.
type Elector interface {
	// Campaign blocks until this process leads, or returns ctx's cause when ctx ends first.
	Campaign(ctx context.Context) (*Term, error)
}

// Term is one leadership. It has two ends, because what has been read is still written when reading has stopped.
type Term struct {
	// Fence is the fencing token, larger than that of every earlier term.
	Fence Fence
	// Reading ends when nothing more may be read: with the context of Campaign, or with cause ErrLeadershipLost.
	Reading context.Context
	// Writing ends, with cause ErrLeadershipLost, before another process may lead. It outlasts the context of Campaign:
	// until Resign is called the leadership is kept, so that what is under way can be finished.
	Writing context.Context
	// Resign gives the leadership up at once, so that another process can take over. It must be called, also when the
	// leadership has been lost, and when nothing of this process writes any more.
	Resign func(ctx context.Context) error
}
