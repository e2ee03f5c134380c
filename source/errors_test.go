package source

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

func TestClassify(t *testing.T) {
	code := func(code int32, labels ...string) error {
		return fmt.Errorf("wrapped: %w", mongo.CommandError{Code: code, Labels: labels, Message: "message"})
	}
	tests := []struct {
		name                   string
		err                    error
		opening, reading, read verdict
	}{
		{"network", mongo.CommandError{Labels: []string{"NetworkError"}}, verdictRetry, verdictRetry, verdictRetry},
		{"server selection", errors.New("server selection error"), verdictRetry, verdictRetry, verdictRetry},
		{"time-out", context.DeadlineExceeded, verdictRetry, verdictRetry, verdictRetry},
		{"cursor not found", code(43), verdictRetry, verdictRetry, verdictRetry},
		{"not primary", code(10107), verdictRetry, verdictRetry, verdictRetry},
		{"shutdown", code(11600), verdictRetry, verdictRetry, verdictRetry},
		{"step-down", code(11602), verdictRetry, verdictRetry, verdictRetry},
		{"collection dropped", code(175), verdictRetry, verdictRetry, verdictRetry},
		{"labelled", code(4711, "ResumableChangeStreamError"), verdictRetry, verdictRetry, verdictRetry},
		{"history lost", code(286), verdictLost, verdictLost, verdictFatal},
		{"history lost though labelled", code(286, "NonResumableChangeStreamError"), verdictLost, verdictLost, verdictFatal},
		{"stream fatal", code(280), verdictLost, verdictLost, verdictFatal},
		{"overtaken by the oplog", code(136), verdictLost, verdictLost, verdictRetry},
		{"invalid token", code(260), verdictLost, verdictFatal, verdictFatal},
		{"token not found", code(50811), verdictLost, verdictFatal, verdictFatal},
		{"token taken away", mongo.CommandError{Code: 280, Message: "the _id field was modified by the pipeline"},
			verdictFatal, verdictFatal, verdictFatal},
		{"not a replica set", code(40573), verdictFatal, verdictFatal, verdictFatal},
		{"unauthorized", code(13), verdictFatal, verdictFatal, verdictFatal},
		{"authentication", errors.New("auth error: (AuthenticationFailed) Authentication failed."),
			verdictFatal, verdictFatal, verdictFatal},
		{"bad stage", code(40324), verdictFatal, verdictFatal, verdictFatal},
		{"event too large", code(10334), verdictFatal, verdictFatal, verdictFatal},
		{"unknown code", code(4711), verdictFatal, verdictFatal, verdictFatal},
		{"client closed", mongo.ErrClientDisconnected, verdictFatal, verdictFatal, verdictFatal},
		{"our own", fatal(errors.New("malformed")), verdictFatal, verdictFatal, verdictFatal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.opening, classify(tt.err, opening), "opening")
			require.Equal(t, tt.reading, classify(tt.err, reading), "reading")
			require.Equal(t, tt.read, classifyRead(tt.err), "direct read")
		})
	}
}

func TestLostErrorNamesCodeAndRemedy(t *testing.T) {
	err := lostError("change-stream:shop", goatee.Position{}, mongo.CommandError{Code: 286, Message: "gone"})
	require.ErrorIs(t, err, goatee.ErrPositionLost)
	require.ErrorContains(t, err, "286")
	require.ErrorContains(t, err, "change-stream:shop")
	require.ErrorContains(t, err, "direct reads")
}
