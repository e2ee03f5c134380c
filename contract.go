package goatee

import (
	"context"
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

// Batch is what one read brought. A change that is a barrier (Op.IsBarrier) comes alone in its batch. A batch without
// changes moves the position of an idle source.
type Batch struct {
	// Changes in the order of the stream.
	Changes []Change
	// Position of the source behind the last change.
	Position Position
	// Bytes is the memory the batch pins, for the in-flight budget. Default: the sum of its documents.
	Bytes int
	// Release, when not nil, is called once when nothing in the pipeline refers to the batch any more.
	Release func()
}

// Starter is a Source that knows where to start when no position is stored: Start returns a position at or before which
// nothing will be missed. It is called before any source runs, and what it returns is stored before the first change is
// read.
type Starter interface {
	Start(ctx context.Context) (Position, error)
}

// DirectReader is a Source that reads documents as they are, while change streams may be bringing newer ones. Its changes
// are OpRead; the pipeline drops those that are older than a delete it has seen. Stateful says whether its position is
// stored, so that a complete read is not repeated.
type DirectReader interface {
	Stateful() bool
}

// Estimator is a Source that knows about how many documents it will bring in all; 0 when it does not know yet.
type Estimator interface {
	Estimate() int64
}

// DocumentFetcher is a Source that emits updates without their documents.
type DocumentFetcher interface {
	// Fetch fills in the document of each change, read at or after the cluster time of that change; one that is gone
	// keeps a zero Document. It returns those it has left for the next call because the documents of this one are many
	// bytes already. It retries by itself until ctx ends. Called by several goroutines.
	Fetch(ctx context.Context, changes []*Change) (rest []*Change, err error)
}

// Checker is a Source, Transformer, Sink or PositionStore that can tell before anything is read whether it will be able to work. Its
// error names the setting at fault and the remedy.
type Checker interface {
	Check(ctx context.Context) error
}

// Transformer turns the actions prepared for a change into those to write: edit, add, replace by a delete (drop), or
// return none (skip: the change counts as done). It may reuse actions. It is called from several goroutines, never
// concurrently for one document. An error or a panic dead-letters the change and harms nothing else.
type Transformer interface {
	Transform(ctx context.Context, c *Change, actions []Action) ([]Action, error)
}

// BatchTransformer is a Transformer that a lane calls once for everything it is about to write, so that what is looked
// up can be looked up together. It sets Actions or Err of each item; an error it returns dead-letters every item.
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
	// nil: all are durable or superseded by a newer version. *BatchError: the named ones were refused for good, all
	// others are durable. Any other error: unknown, nothing may be acknowledged. Called by several goroutines, each
	// with documents of its own. actions belong to the caller again when Write has returned.
	Write(ctx context.Context, actions []Action) error
}

// PositionStore keeps positions between runs. Its methods are not called concurrently.
type PositionStore interface {
	// Load returns the stored position of a source, or the zero Position when there is none.
	Load(ctx context.Context, source string) (Position, error)
	// Save stores positions durably. With a fencing token older than one it has seen it fails with ErrFenced and
	// changes nothing.
	Save(ctx context.Context, fence Fence, positions []SourcePosition) error
}

// Elector decides which one of several processes works.
type Elector interface {
	// Campaign blocks until this process leads. leading ends, with cause ErrLeadershipLost, before another may lead.
	// resign gives the leadership up at once; it is called when nothing of this process writes any more.
	Campaign(ctx context.Context) (leading context.Context, token Fence, resign func(context.Context) error, err error)
}
