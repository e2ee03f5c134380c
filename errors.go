package goatee

import "errors"

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
	// ErrNotRunning is returned by methods that need a pipeline at work in this process.
	ErrNotRunning = errors.New("not running: this process reads nothing at present")
	// ErrRefused is wrapped by the error of a run that has ended by itself although documents were refused.
	ErrRefused = errors.New("documents were refused: see the dead letters")
	// ErrAlreadyRun is returned by the second call of Run.
	ErrAlreadyRun = errors.New("a Syncer runs once: make a new one")
	// ErrPanic is wrapped by the error of a call of user code that panicked.
	ErrPanic = errors.New("panic")
)

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
