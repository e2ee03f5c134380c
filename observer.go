package goatee

import (
	"fmt"
	"log/slog"
	"time"
)

// Observer is told what happens. Every func may be nil; they are called from several goroutines and must return fast. A
// panic of one is logged and has no other effect.
type Observer struct {
	// SourceStarted is called when a source begins to run.
	SourceStarted func(SourceInfo)
	// SourceStopped is called when a source has ended, with its error, nil for an exhausted one.
	SourceStopped func(SourceInfo)
	// Written is called after each write of a lane.
	Written func(WriteInfo)
	// Checkpoint is called when positions have been stored, or could not be.
	Checkpoint func(CheckpointInfo)
	// DeadLetter is called for each dead letter, before the handler.
	DeadLetter func(DeadLetter)
	// State is called when a connection to MongoDB or Elasticsearch fails for the first time and when it works again:
	// once per change of state, not once per attempt.
	State func(StateInfo)
	// Index is called when an index takes no writes any more and when it does again: once per change of state.
	Index func(IndexInfo)
}

// SourceInfo is about a source that starts or stops.
type SourceInfo struct {
	Source   string
	Position Position
	Err      error
}

// WriteInfo is about one write of a lane.
type WriteInfo struct {
	Lane    int
	Changes int
	Actions int
	Took    time.Duration
	Err     error
}

// CheckpointInfo is about stored positions.
type CheckpointInfo struct {
	Positions []SourcePosition
	Err       error
}

// StateInfo is about one end of the pipeline that stopped answering, or answers again (Err is nil).
type StateInfo struct {
	// Component is a source's name or "elasticsearch".
	Component string
	Err       error
}

// IndexInfo is about an index that takes no writes (Err says why), or takes them again (Err is nil).
type IndexInfo struct {
	Index string
	Err   error
}

// TeeObserver returns an observer that tells both, a first.
func TeeObserver(a, b Observer) Observer {
	return Observer{
		SourceStarted: tee(a.SourceStarted, b.SourceStarted),
		SourceStopped: tee(a.SourceStopped, b.SourceStopped),
		Written:       tee(a.Written, b.Written),
		Checkpoint:    tee(a.Checkpoint, b.Checkpoint),
		DeadLetter:    tee(a.DeadLetter, b.DeadLetter),
		State:         tee(a.State, b.State),
		Index:         tee(a.Index, b.Index),
	}
}

func tee[T any](a, b func(T)) func(T) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(v T) { a(v); b(v) }
}

// notify tells an observer's func, if there is one. A panic of it must not end the host.
func notify[T any](logger *slog.Logger, f func(T), v T) {
	if f == nil {
		return
	}
	if err := guard(func() error { f(v); return nil }); err != nil {
		logger.Error("an observer panicked", "event", fmt.Sprintf("%T", v), "error", err)
	}
}
