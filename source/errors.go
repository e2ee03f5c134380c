package source

import (
	"errors"
	"fmt"
	"strings"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
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

// phase is when a reader met an error.
type phase uint8

const (
	opening phase = iota
	reading
)

const (
	codeUnauthorized         = 13
	codeAuthenticationFailed = 18
	codeNamespaceNotFound    = 26
	codeCursorNotFound       = 43
	codeCappedPositionLost   = 136
	codeInvalidResumeToken   = 260
	codeStreamFatal          = 280
	codeStreamHistoryLost    = 286
	codeObjectTooLarge       = 10334
	codeNotReplicaSet        = 40573
	codeTokenNotFound        = 50811
)

// passing are the server errors after which a new cursor works sooner or later. MongoDB 4.4 and newer label most of
// them; the list serves older servers and commands that get no label, such as find.
var passing = map[int32]string{
	6: "HostUnreachable", 7: "HostNotFound", 24: "LockTimeout", 46: "LockBusy", 50: "MaxTimeMSExpired",
	63: "StaleShardVersion", 89: "NetworkTimeout", 91: "ShutdownInProgress", 112: "WriteConflict",
	133: "FailedToSatisfyReadPreference", 134: "ReadConcernMajorityNotAvailableYet", 150: "StaleEpoch",
	175: "QueryPlanKilled", 189: "PrimarySteppedDown", 202: "NetworkInterfaceExceededTimeLimit",
	// The keys that sign cluster times are read anew after a restart.
	211: "KeyNotFound",
	234: "RetryChangeStream", 237: "CursorKilled", 246: "SnapshotUnavailable", 262: "ExceededTimeLimit",
	317: "ConnectionPoolExpired", 365: "TemporarilyUnavailable", 9001: "SocketException",
	10107: "NotWritablePrimary", 11600: "InterruptedAtShutdown", 11601: "Interrupted",
	11602: "InterruptedDueToReplStateChange", 13388: "StaleConfig", 13435: "NotPrimaryNoSecondaryOk",
	13436: "NotPrimaryOrSecondary",
	// The server forgot the cursor: it was idle for too long, somebody killed it, or there is a new primary.
	codeCursorNotFound: "CursorNotFound",
}

// passingLabels are MongoDB's own words for the same.
var passingLabels = []string{
	"ResumableChangeStreamError", "RetryableError", "TransientTransactionError", "NetworkError", "PoolRequestedError",
}

// fatalError is an error of ours that no new cursor cures: a malformed event, or a pipeline that takes no more.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return &fatalError{err}
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
	if f := (*fatalError)(nil); errors.As(err, &f) || errors.Is(err, mongo.ErrClientDisconnected) {
		return verdictFatal
	}
	code, message, isServer := serverError(err)
	switch {
	case !isServer:
		// The network, server selection, a cleared connection pool: the driver finds its way back by itself.
		return verdictRetry
	case code == codeStreamFatal && strings.Contains(message, "modified by the pipeline"):
		// The same code as a lost position, but it is the user's pipeline that took the token away.
		return verdictFatal
	case code == codeStreamHistoryLost, code == codeStreamFatal, code == codeCappedPositionLost:
		// The oplog has moved on. This also happens while streaming, when the reader falls behind.
		return verdictLost
	case code == codeInvalidResumeToken, code == codeTokenNotFound:
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
	if f := (*fatalError)(nil); errors.As(err, &f) || errors.Is(err, mongo.ErrClientDisconnected) {
		return verdictFatal
	}
	code, _, isServer := serverError(err)
	if !isServer || hasPassingLabel(err) {
		return verdictRetry
	}
	if _, ok := passing[code]; ok || code == codeCappedPositionLost {
		// A capped collection overtook the read: it begins again.
		return verdictRetry
	}
	// What is not known to pass would be tried for ever without anybody noticing.
	return verdictFatal
}

// serverError returns the code of an error that a server answered with. An error of the driver that wraps one, such as
// failed authentication while connecting, counts.
func serverError(err error) (code int32, message string, ok bool) {
	var command mongo.CommandError
	if errors.As(err, &command) && command.Code != 0 {
		return command.Code, command.Message, true
	}
	if isAuthentication(err) {
		return codeAuthenticationFailed, err.Error(), true
	}
	return 0, "", false
}

// isAuthentication recognises the driver's error for a failed handshake, which is of an unstable package and reaches us
// as text in a connection error.
func isAuthentication(err error) bool {
	return err != nil && strings.Contains(err.Error(), "(AuthenticationFailed)")
}

func hasPassingLabel(err error) bool {
	var labeled mongo.LabeledError
	if !errors.As(err, &labeled) {
		return false
	}
	for _, label := range passingLabels {
		if labeled.HasErrorLabel(label) {
			return true
		}
	}
	return false
}

// lostError wraps goatee.ErrPositionLost with what the server said and the ways out.
func lostError(name string, at goatee.Position, err error) error {
	code, _, _ := serverError(err)
	return fmt.Errorf("%w: %s, position %s: MongoDB answered code %d: %w "+
		"(read the affected namespaces again with direct reads and start the stream from now; "+
		"a larger oplog or a larger minimum retention keeps positions for longer)",
		goatee.ErrPositionLost, name, at, code, err)
}
