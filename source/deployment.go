package source

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

const checkTimeout = 10 * time.Second

// clusterTime returns the operation time of the primary, zero if it does not tell one.
func clusterTime(ctx context.Context, client *mongo.Client) (primitive.Timestamp, error) {
	raw, err := runCommand(ctx, client, "admin", bson.D{{Key: "ping", Value: 1}})
	if err != nil {
		return primitive.Timestamp{}, err
	}
	v := raw.Lookup("operationTime")
	return timestamp(v.Type, v.Value), nil
}

// checkDeployment finds out whether MongoDB answers and has change streams and cluster times.
func checkDeployment(ctx context.Context, client *mongo.Client) error {
	raw, err := runCommand(ctx, client, "admin", bson.D{{Key: "hello", Value: 1}})
	if code, _, ok := serverError(err); ok {
		if code == codeUnauthorized || code == codeAuthenticationFailed {
			return errAccess(err)
		}
		// Servers before 4.4.2 know the command by its old name only.
		raw, err = runCommand(ctx, client, "admin", bson.D{{Key: "isMaster", Value: 1}})
	}
	if err != nil {
		return &goatee.ConfigError{
			Setting: "mongo-url", Problem: "MongoDB does not answer", Err: err,
			Remedy: "check the addresses, that the server runs and that a primary can be reached from here",
		}
	}
	setName, _ := raw.Lookup("setName").StringValueOK()
	message, _ := raw.Lookup("msg").StringValueOK()
	if setName == "" && message != "isdbgrid" {
		return errStandalone(nil)
	}
	return nil
}

func errStandalone(err error) error {
	return &goatee.ConfigError{
		Setting: "mongo-url", Problem: "the server is a standalone mongod, which has no change streams", Err: err,
		Remedy: "start mongod with --replSet rs0 and run rs.initiate() once; a replica set of one member will do",
	}
}

func errAccess(err error) error {
	return &goatee.ConfigError{
		Setting: "mongo-url", Problem: "MongoDB refuses access", Err: err,
		Remedy: "check user, password and authSource; the user needs the roles read on what is synchronised, " +
			"for a whole deployment readAnyDatabase",
	}
}
