package source

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
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

// serverTime returns the time of a standalone server's clock as a cluster time, which it has none of: seconds, and
// milliseconds as the increment.
func serverTime(ctx context.Context, client *mongo.Client) (primitive.Timestamp, error) {
	raw, err := hello(ctx, client)
	if err != nil {
		return primitive.Timestamp{}, err
	}
	ms, ok := raw.Lookup("localTime").DateTimeOK()
	if !ok {
		return primitive.Timestamp{}, fatal(errors.New("MongoDB tells neither a cluster time nor its clock's"))
	}
	return primitive.Timestamp{T: uint32(ms / 1000), I: uint32(ms%1000) + 1}, nil
}

// hello asks MongoDB what it is.
func hello(ctx context.Context, client *mongo.Client) (bson.Raw, error) {
	raw, err := runCommand(ctx, client, "admin", bson.D{{Key: "hello", Value: 1}})
	if mongoerr.Refused(err) {
		// Servers before 4.4.2 know the command by its old name only.
		return runCommand(ctx, client, "admin", bson.D{{Key: "isMaster", Value: 1}})
	}
	return raw, err
}

// checkDeployment finds out whether MongoDB answers and whether it is a standalone server.
func checkDeployment(ctx context.Context, client *mongo.Client) (standalone bool, err error) {
	raw, err := hello(ctx, client)
	switch {
	case mongoerr.AccessDenied(err):
		return false, errAccess(err)
	case err != nil:
		return false, &goatee.ConfigError{
			Setting: SettingAddress, Problem: "MongoDB does not answer", Err: err,
			Remedy: "check the addresses, that the server runs and that a primary can be reached from here",
		}
	}
	setName, _ := raw.Lookup("setName").StringValueOK()
	message, _ := raw.Lookup("msg").StringValueOK()
	return setName == "" && message != "isdbgrid", nil
}

func errStandalone(err error) error {
	return &goatee.ConfigError{
		Setting: SettingDeployment, Problem: "the server is a standalone mongod, which has no change streams", Err: err,
		Remedy: "start mongod with --replSet rs0 and run rs.initiate() once; a replica set of one member will do",
	}
}

func errAccess(err error) error {
	return &goatee.ConfigError{
		Setting: SettingCredentials, Problem: "MongoDB denies access", Err: err,
		Remedy: "check user, password and authSource; the user needs the roles read on what is synchronised, " +
			"for a whole deployment readAnyDatabase",
	}
}
