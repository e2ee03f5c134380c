// Package mongoerr is the one place that knows what the errors of MongoDB and its driver mean: which pass by themselves,
// which are about access, and which would come again because of what was asked for or of the documents it is about.
package mongoerr

import (
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver"
)

// Codes of server errors that callers tell apart.
const (
	FailedToParse        int32 = 9
	Unauthorized         int32 = 13
	TypeMismatch         int32 = 14
	AuthenticationFailed int32 = 18
	NamespaceNotFound    int32 = 26
	CursorNotFound       int32 = 43
	InvalidNamespace     int32 = 73
	CappedPositionLost   int32 = 136
	QueryPlanKilled      int32 = 175
	InvalidResumeToken   int32 = 260
	StreamFatal          int32 = 280
	StreamHistoryLost    int32 = 286
	AtlasError           int32 = 8000
	ObjectTooLarge       int32 = 10334
	DuplicateKey         int32 = 11000
	NotReplicaSet        int32 = 40573
	TokenNotFound        int32 = 50811
	InvalidRegex         int32 = 51091
	InvalidRegexMatch    int32 = 51111
)

// passes reports whether a server error of this code goes away by itself: the same command works sooner or later, a
// getMore with another cursor. MongoDB 4.4 and newer label most of them; the list serves older servers and commands that
// get no label, such as find.
func passes(code int32) bool {
	switch code {
	case 6, // HostUnreachable
		7,                  // HostNotFound
		24,                 // LockTimeout
		46,                 // LockBusy
		50,                 // MaxTimeMSExpired
		63,                 // StaleShardVersion
		89,                 // NetworkTimeout
		91,                 // ShutdownInProgress
		112,                // WriteConflict
		133,                // FailedToSatisfyReadPreference
		134,                // ReadConcernMajorityNotAvailableYet
		150,                // StaleEpoch
		QueryPlanKilled,    // the collection was dropped or renamed while it was read
		189,                // PrimarySteppedDown
		202,                // NetworkInterfaceExceededTimeLimit
		211,                // KeyNotFound: the keys that sign cluster times are read anew after a restart
		234,                // RetryChangeStream
		237,                // CursorKilled
		246,                // SnapshotUnavailable
		262,                // ExceededTimeLimit
		317,                // ConnectionPoolExpired
		365,                // TemporarilyUnavailable
		9001,               // SocketException
		10107,              // NotWritablePrimary
		11600,              // InterruptedAtShutdown
		11601,              // Interrupted
		11602,              // InterruptedDueToReplStateChange
		13388,              // StaleConfig
		13435,              // NotPrimaryNoSecondaryOk
		13436,              // NotPrimaryOrSecondary
		CursorNotFound,     // idle for too long, killed by somebody, or there is a new primary
		CappedPositionLost: // writes overtook a reader of a capped collection
		return true
	}
	return false
}

// passingLabels are MongoDB's and the driver's own words for the same.
var passingLabels = [...]string{
	"ResumableChangeStreamError", "RetryableError", "RetryableWriteError", "TransientTransactionError", "NetworkError",
	"PoolRequestedError",
}

// Code returns the code of the error that a server answered with; of a failed write, that of its first error. An error of
// the driver that wraps one, such as failed authentication while connecting, counts. ok is false for everything else, such
// as network errors.
func Code(err error) (code int32, ok bool) {
	code, _, ok = answer(err)
	return code, ok
}

// Message returns the words of the error that a server answered with, or "".
func Message(err error) string {
	_, message, _ := answer(err)
	return message
}

// Is reports whether a server answered with an error of one of the codes.
func Is(err error, codes ...int32) bool {
	got, ok := Code(err)
	if !ok {
		return false
	}
	for _, code := range codes {
		if got == code {
			return true
		}
	}
	return false
}

func answer(err error) (code int32, message string, ok bool) {
	var command mongo.CommandError
	if errors.As(err, &command) && command.Code != 0 {
		return command.Code, command.Message, true
	}
	if code, message, ok := writeAnswer(err); ok {
		return code, message, true
	}
	// Errors of the handshake, where authentication fails, keep the driver's inner type.
	var handshake driver.Error
	if errors.As(err, &handshake) && handshake.Code != 0 {
		return handshake.Code, handshake.Message, true
	}
	if err != nil && strings.Contains(err.Error(), "(AuthenticationFailed)") {
		return AuthenticationFailed, err.Error(), true
	}
	return 0, "", false
}

func writeAnswer(err error) (code int32, message string, ok bool) {
	var write mongo.WriteException
	if errors.As(err, &write) {
		for _, e := range write.WriteErrors {
			return int32(e.Code), e.Message, true
		}
		if e := write.WriteConcernError; e != nil {
			return int32(e.Code), e.Message, true
		}
	}
	var bulk mongo.BulkWriteException
	if errors.As(err, &bulk) {
		for _, e := range bulk.WriteErrors {
			return int32(e.Code), e.Message, true
		}
		if e := bulk.WriteConcernError; e != nil {
			return int32(e.Code), e.Message, true
		}
	}
	return 0, "", false
}

// Passes reports whether trying again helps sooner or later. Besides the server errors that say so these are all errors
// without an answer of a server: the network, the selection of a server, a cleared connection pool, a time-out of the
// client. It does not look at the caller's context: whether that has ended is for the caller to ask first.
func Passes(err error) bool {
	if err == nil || errors.Is(err, mongo.ErrClientDisconnected) || unsendable(err) {
		return false
	}
	code, ok := Code(err)
	return !ok || hasPassingLabel(err) || passes(code)
}

// AccessDenied reports whether credentials or privileges are missing.
func AccessDenied(err error) bool {
	code, ok := Code(err)
	return ok && (code == Unauthorized || code == AuthenticationFailed ||
		code == AtlasError && strings.Contains(strings.ToLower(Message(err)), "auth"))
}

// Refused reports whether MongoDB will not do what it was asked for, today or tomorrow, for a reason that may lie in the
// query or in the documents it is about: not the connection, not access, nothing that passes.
func Refused(err error) bool {
	if unsendable(err) {
		return true
	}
	_, ok := Code(err)
	return ok && !Passes(err) && !AccessDenied(err)
}

// unsendable reports whether the driver could not make a message of a command.
func unsendable(err error) bool {
	var marshal mongo.MarshalError
	return errors.As(err, &marshal)
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
