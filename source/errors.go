package source

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

// verdict is what an error means for a reader.
type verdict uint8

const (
	// verdictRetry: it passes by itself; open a new cursor.
	verdictRetry verdict = iota
	// verdictLost: the oplog no longer holds the position.
	verdictLost
	// verdictFatal: trying again gives the same error.
	verdictFatal
)

// phase is when a change stream met an error.
type phase uint8

const (
	opening  phase = iota // while it opened a cursor
	reading               // while it read from the cursor
	handling              // while it handled what it had read
)

// fatalError is an error that a new cursor does not cure and that did not come from MongoDB as it stands: a malformed
// event, or a pipeline that accepts no more batches.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return &fatalError{err}
}

func isFatal(err error) bool {
	var f *fatalError
	return errors.As(err, &f)
}

// cause returns what a fatalError holds, so that callers see the error as it was.
func cause(err error) error {
	if f := (*fatalError)(nil); errors.As(err, &f) {
		return f.err
	}
	return err
}

// classify says what an error means for a change stream.
func classify(err error, when phase) verdict {
	code, answered := mongoerr.Code(err)
	switch {
	case isFatal(err) || !answered:
		return classifyRead(err)
	case code == mongoerr.StreamFatal && strings.Contains(mongoerr.Message(err), "modified by the pipeline"):
		// The same code as a lost position, but it is the user's pipeline that took the token away.
		return verdictFatal
	case code == mongoerr.StreamHistoryLost, code == mongoerr.StreamFatal, code == mongoerr.CappedPositionLost:
		// The oplog has moved on. This also happens while streaming, when the reader falls behind.
		return verdictLost
	case code == mongoerr.InvalidResumeToken, code == mongoerr.TokenNotFound:
		// The token is of another deployment, or its event is no longer in the oplog. Only opening a stream looks at
		// tokens; while reading, these codes mean something else.
		if when == opening {
			return verdictLost
		}
		return verdictFatal
	default:
		return classifyRead(err)
	}
}

// classifyRead says what an error means for a read that needs no position: a direct read or a look-up. It never says
// verdictLost.
func classifyRead(err error) verdict {
	if isFatal(err) || !mongoerr.Passes(err) {
		// What is not known to pass would be tried for ever without anybody noticing.
		return verdictFatal
	}
	return verdictRetry
}

// refused reports whether MongoDB refuses a read for a reason that may lie in one of the documents it is about.
func refused(err error) bool { return err != nil && !isFatal(err) && mongoerr.Refused(err) }

// lookUpError says that the document of a change cannot be had.
func lookUpError(ns goatee.Namespace, err error) error {
	if mongoerr.Is(err, mongoerr.ObjectTooLarge) {
		return fmt.Errorf("look up a document of %s: it is larger than the 16 MB that MongoDB can return: %w", ns, err)
	}
	return fmt.Errorf("look up a document of %s: %w", ns, err)
}

// lostError wraps goatee.ErrPositionLost with what the server said and the ways out.
func lostError(name string, at goatee.Position, err error) error {
	code, _ := mongoerr.Code(err)
	return fmt.Errorf("%w: %s, position %s: MongoDB answered code %d: %w "+
		"(read the affected namespaces again with direct reads and start the stream from now; "+
		"a larger oplog or a larger minimum retention keeps positions for longer)",
		goatee.ErrPositionLost, name, at, code, err)
}

// damagedTokenError is the error of a stream whose position MongoDB cannot read. It is goatee.ErrPositionLost without its
// words, which speak of the oplog.
type damagedTokenError struct {
	name string
	err  error
}

func (e *damagedTokenError) Error() string {
	return fmt.Sprintf("%s: the stored position is damaged: MongoDB cannot read its resume token: %v (restore the position "+
		"from a backup, or read the namespaces again with direct reads and start the stream from now)", e.name, e.err)
}

func (e *damagedTokenError) Unwrap() []error { return []error{goatee.ErrPositionLost, e.err} }
