package testservers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// startFirst brings the members from empty folders to a working server.
func (m *Mongo) startFirst(ctx context.Context, cfg mongoConfig) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for _, member := range m.members {
		if err := member.process.start(); err != nil {
			return err
		}
	}
	for _, member := range m.members {
		if err := member.wait(ctx); err != nil {
			return err
		}
	}
	if cfg.standalone {
		return nil
	}
	if err := m.initiate(ctx); err != nil {
		return err
	}
	if cfg.user != "" {
		if err := m.createUser(ctx, cfg.user, cfg.password); err != nil {
			return err
		}
	}
	return m.wait(ctx)
}

// initiate makes the members a replica set whose elections are quick.
func (m *Mongo) initiate(ctx context.Context) error {
	members := bson.A{}
	for i, member := range m.members {
		members = append(members, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: member.address}})
	}
	config := bson.D{
		{Key: "_id", Value: replicaSet},
		{Key: "members", Value: members},
		{Key: "settings", Value: bson.D{
			{Key: "electionTimeoutMillis", Value: 2000},
			{Key: "heartbeatIntervalMillis", Value: 500},
		}},
	}
	return m.members[0].command(ctx, bson.D{{Key: "replSetInitiate", Value: config}}, nil)
}

// createUser creates the first user, which mongod allows to whoever connects from its own machine.
func (m *Mongo) createUser(ctx context.Context, user, password string) error {
	create := bson.D{
		{Key: "createUser", Value: user},
		{Key: "pwd", Value: password},
		{Key: "roles", Value: bson.A{"root"}},
	}
	for {
		for _, member := range m.members {
			// A member may be primary for a moment before it takes writes.
			var hello struct {
				Writable bool `bson:"isWritablePrimary"`
			}
			if err := member.command(ctx, bson.D{{Key: "hello", Value: 1}}, &hello); err != nil {
				return err
			}
			if hello.Writable {
				return member.command(ctx, create, nil)
			}
		}
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("wait for the first primary: %w", err)
		}
	}
}

// wait polls until there is a primary that takes writes and every running member of a set is healthy.
func (m *Mongo) wait(ctx context.Context) error {
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(m.uri).SetServerSelectionTimeout(time.Second))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	for {
		err := m.check(ctx, client)
		if err == nil {
			return nil
		}
		for _, member := range m.members {
			if !member.process.running() {
				continue
			}
			if err := member.process.failed(); err != nil {
				return err
			}
		}
		if pauseErr := pause(ctx, pollInterval); pauseErr != nil {
			return fmt.Errorf("MongoDB is not ready (%w): %w", pauseErr, err)
		}
	}
}

func (m *Mongo) check(ctx context.Context, client *mongo.Client) error {
	admin := client.Database("admin")
	var hello struct {
		Writable bool `bson:"isWritablePrimary"`
	}
	if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return err
	}
	if !hello.Writable {
		return errors.New("no primary takes writes")
	}
	if !strings.Contains(m.uri, "replicaSet=") {
		return nil
	}
	var status struct {
		Members []struct {
			Name     string
			StateStr string
		}
	}
	if err := admin.RunCommand(ctx, bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&status); err != nil {
		return err
	}
	states := make(map[string]string)
	for _, member := range status.Members {
		states[member.Name] = member.StateStr
	}
	for _, member := range m.members {
		state := states[member.address]
		if member.process.running() && state != "PRIMARY" && state != "SECONDARY" {
			return fmt.Errorf("member %s is %s", member.address, state)
		}
	}
	return nil
}
