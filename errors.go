package goatee

import (
	"errors"
	"fmt"
	"strings"
)

// Sentinel errors, to be tested with errors.Is.
var (
	// ErrPositionLost is returned by a source whose stored position MongoDB no longer holds in its oplog.
	ErrPositionLost = errors.New("position lost: the oplog no longer holds it; changes since then cannot be read")
	// ErrFenced is returned by a PositionStore when another process has become leader since.
	ErrFenced = errors.New("fenced: another process leads")
	// ErrLeadershipLost is the cause of the end of a leading context.
	ErrLeadershipLost = errors.New("leadership lost")
	// ErrDrainTimeout is returned by Run when work was cancelled because it did not end within the drain time-out;
	// positions cover only what Elasticsearch has acknowledged, so nothing is lost.
	ErrDrainTimeout = errors.New("drain timed out: unacknowledged changes will be read again at the next start")
	// ErrAlreadyRun is returned by the second call of Run.
	ErrAlreadyRun = errors.New("a Syncer runs once: make a new one")
	// ErrPanic is wrapped by the error of a change whose transformer panicked.
	ErrPanic = errors.New("transformer panicked")
)

// ActionError says why one action was refused for good.
type ActionError struct {
	// Action is the refused action. Its change belongs to the batch: keep a Clone.
	Action *Action
	// Index and ID are the target as it was sent.
	Index, ID string
	// Status is the HTTP status of the item, 0 when it was never sent.
	Status int
	// Type and Reason are Elasticsearch's words, such as mapper_parsing_exception.
	Type, Reason string
	// Err is the cause when the action was never sent.
	Err error
}

// Error names the action's target and the reason.
func (e *ActionError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s", e.Action.Kind, e.Index, e.ID)
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

// BatchError names the actions of a write that were refused for good; all others are durable.
type BatchError struct {
	Failed []*ActionError
}

// Error counts the refused actions and names the first.
func (e *BatchError) Error() string {
	if len(e.Failed) == 0 {
		return "no action refused"
	}
	return fmt.Sprintf("%d actions refused, the first: %v", len(e.Failed), e.Failed[0])
}

// ConfigError says which setting is at fault and what to do about it.
type ConfigError struct {
	// Setting is the option or configuration key.
	Setting string
	// Problem says what is wrong with it.
	Problem string
	// Remedy is the next step for the operator.
	Remedy string
	// Err is the cause, if there is one.
	Err error
}

// Error joins the parts into one line.
func (e *ConfigError) Error() string {
	s := e.Setting + ": " + e.Problem
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Remedy != "" {
		s += " (" + e.Remedy + ")"
	}
	return s
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }
