package goatee

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
)

// Target is where in Elasticsearch an action goes.
type Target struct {
	Index   string
	ID      string
	Routing string // empty when Elasticsearch routes by the id
}

// ActionClass says what is to be done about an action that a Sink could not make durable.
type ActionClass uint8

const (
	// ClassRefused is an action that was refused for good: it becomes a dead letter. The zero value.
	ClassRefused ActionClass = iota
	// ClassBlocked is an action whose index takes nothing at present, for a reason that an operator can mend. The
	// pipeline keeps its change aside, writes everything else, and tries again until the index takes it.
	ClassBlocked
	// ClassDoubtful is an action that failed in a way that may pass and may lie in its document. The pipeline keeps its
	// change aside, tries again a few times, and dead-letters it when that does not help.
	ClassDoubtful
)

var classNames = [...]string{"refused", "blocked", "doubtful"}

// String returns the class in a word, such as "refused".
func (c ActionClass) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "unknown"
}

// ActionError says why one action is not durable. It owns everything it holds.
type ActionError struct {
	// Ordinal is the place of the action among those given to Sink.Write, from 0.
	Ordinal int
	// Class says what is to be done about it.
	Class ActionClass
	// Kind, Namespace, DocumentID (the _id in MongoDB), Target and Version are those of the action. The target is as it
	// was, or would have been, sent.
	Kind       ActionKind
	Namespace  Namespace
	DocumentID bson.RawValue
	Target     Target
	Version    int64
	// Status is the HTTP status of the item, 0 when it was never sent.
	Status int
	// Type and Reason are Elasticsearch's words, such as mapper_parsing_exception.
	Type, Reason string
	// Attempts is how often the action was sent.
	Attempts int
	// Time is when the failure was noticed.
	Time time.Time
	// Err is the cause when the action was never sent.
	Err error
}

// NewActionError returns the error of the action at a place among those given to Sink.Write, with everything that the
// action itself tells; where its target is left to defaults, the sink fills it in.
func NewActionError(ordinal int, a *Action) *ActionError {
	e := &ActionError{
		Ordinal: ordinal, Kind: a.Kind, Target: Target{Index: a.Index, ID: a.ID, Routing: a.Routing}, Time: time.Now(),
	}
	if c := a.Change; c != nil {
		e.Namespace = c.Namespace
		e.DocumentID = cloneValue(c.ID)
		e.Version = a.ExternalVersion()
	}
	return e
}

func cloneValue(v bson.RawValue) bson.RawValue {
	return bson.RawValue{Type: v.Type, Value: bytes.Clone(v.Value)}
}

// Error names the action's target and the reason.
func (e *ActionError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s", e.Kind, e.Target.Index, e.Target.ID)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Type != "" {
		fmt.Fprintf(&b, ": %s", e.Type)
	}
	if e.Reason != "" {
		fmt.Fprintf(&b, ": %s", e.Reason)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *ActionError) Unwrap() error { return e.Err }

// BatchError names the actions of a write that are not durable; all others are.
type BatchError struct {
	Failed []*ActionError
}

// Error counts the failed actions and names the first.
func (e *BatchError) Error() string {
	if e == nil || len(e.Failed) == 0 {
		return "no action failed"
	}
	return fmt.Sprintf("%d actions failed, the first: %v", len(e.Failed), e.Failed[0])
}

// SplitBatchError divides the error of Sink.Write into the actions that it names and what else it says. An unknown error
// wins: unless rest is nil nothing may be acknowledged. An error that merely wraps a *BatchError is one; of joined errors
// each must be.
func SplitBatchError(err error) (failed []*ActionError, rest error) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here, to the last branch
	case nil:
		return nil, nil
	case *BatchError:
		if e == nil { // a sink's variable that it never set
			return nil, nil
		}
		return e.Failed, nil
	case interface{ Unwrap() []error }:
		parts := slices.DeleteFunc(slices.Clone(e.Unwrap()), func(part error) bool { return part == nil })
		if len(parts) == 0 {
			return nil, err
		}
		for _, part := range parts {
			f, rest := SplitBatchError(part)
			if rest != nil {
				return nil, err
			}
			failed = append(failed, f...)
		}
		return failed, nil
	case interface{ Unwrap() error }:
		failed, rest = SplitBatchError(e.Unwrap())
		if rest != nil || len(failed) == 0 {
			return nil, err
		}
		return failed, nil
	}
	return nil, err
}
