package mongoerr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver"

	"github.com/goatee-sync/goatee/internal/mongoerr"
)

func command(code int32, labels ...string) error {
	return fmt.Errorf("wrapped: %w", mongo.CommandError{Code: code, Labels: labels, Message: "message"})
}

func TestClasses(t *testing.T) {
	const (
		passes  = "passes"
		access  = "access"
		refused = "refused"
		neither = "neither"
	)
	for name, test := range map[string]struct {
		err  error
		code int32 // 0: no answer of a server
		want string
	}{
		"network":              {mongo.CommandError{Labels: []string{"NetworkError"}}, 0, passes},
		"server selection":     {errors.New("server selection error"), 0, passes},
		"time-out":             {context.DeadlineExceeded, 0, passes},
		"cursor not found":     {command(43), 43, passes},
		"not primary":          {command(10107), 10107, passes},
		"overtaken":            {command(136), 136, passes},
		"unknown but labelled": {command(4711, "RetryableError"), 4711, passes},
		"unknown":              {command(4711), 4711, refused},
		"divided by zero":      {command(16608), 16608, refused},
		"document too large":   {command(10334), 10334, refused},
		"cannot nest $":        {command(2), 2, refused},
		"unauthorized":         {command(13), 13, access},
		"authentication": {fmt.Errorf("handshake: %w", driver.Error{Code: 18, Name: "AuthenticationFailed"}), 18,
			access},
		"authentication as text": {errors.New("auth error: (AuthenticationFailed) Authentication failed."), 18, access},
		"Atlas":                  {mongo.CommandError{Code: 8000, Message: "bad auth : aws"}, 8000, access},
		"client closed":          {mongo.ErrClientDisconnected, 0, neither},
		"not to be marshalled":   {mongo.MarshalError{Err: errors.New("no codec")}, 0, refused},
		"duplicate key": {mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}}, 11000,
			refused},
		"write concern that passes": {mongo.WriteException{
			WriteConcernError: &mongo.WriteConcernError{Code: 91}}, 91, passes},
		"none": {nil, 0, neither},
	} {
		t.Run(name, func(t *testing.T) {
			code, ok := mongoerr.Code(test.err)
			require.Equal(t, test.code, code)
			require.Equal(t, test.code != 0, ok)
			require.Equal(t, test.want == passes, mongoerr.Passes(test.err), "passes")
			require.Equal(t, test.want == access, mongoerr.AccessDenied(test.err), "access")
			require.Equal(t, test.want == refused, mongoerr.Refused(test.err), "refused")
		})
	}
}

func TestIs(t *testing.T) {
	require.True(t, mongoerr.Is(command(26), mongoerr.Unauthorized, mongoerr.NamespaceNotFound))
	require.False(t, mongoerr.Is(command(26), mongoerr.Unauthorized))
	require.False(t, mongoerr.Is(errors.New("network"), 0))
	require.Equal(t, "message", mongoerr.Message(command(26)))
	require.Empty(t, mongoerr.Message(nil))
}
