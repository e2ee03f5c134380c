package cluster

import (
	"errors"
	"slices"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver"
)

// refused reports whether an error of MongoDB will be the same next time. Everything not listed may pass: a standby
// that gives up is none.
func refused(err error) bool {
	codes := []int32{
		9,     // FailedToParse: no pipeline updates before 4.2
		13,    // Unauthorized
		14,    // TypeMismatch: no pipeline updates before 4.2
		18,    // AuthenticationFailed
		73,    // InvalidNamespace
		8000,  // AtlasError: mostly authentication
		17276, // undefined variable: no $$NOW before 4.2
	}
	var command mongo.CommandError
	if errors.As(err, &command) {
		return slices.Contains(codes, command.Code)
	}
	// Errors of the handshake, where authentication fails, keep the driver's inner type.
	var handshake driver.Error
	return errors.As(err, &handshake) && slices.Contains(codes, handshake.Code)
}
