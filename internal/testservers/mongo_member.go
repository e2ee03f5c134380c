package testservers

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// Member is one mongod of a dedicated server.
type Member struct {
	address string
	process *process
}

// Address returns host and port.
func (m *Member) Address() string { return m.address }

// Kill kills the member at once.
func (m *Member) Kill() error { return m.process.kill() }

// Stop shuts the member down in good order.
func (m *Member) Stop() error { return m.process.stop() }

// Pause stops the member from doing anything while its connections stay open.
func (m *Member) Pause() error { return m.process.signal(syscall.SIGSTOP) }

// Resume lets a paused member go on.
func (m *Member) Resume() error { return m.process.signal(syscall.SIGCONT) }

// Start starts the member on its old port and data and waits until it answers, though perhaps not yet as a healthy
// member of the set: Mongo.Start waits for that.
func (m *Member) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := m.process.start(); err != nil {
		return err
	}
	return m.wait(ctx)
}

// wait polls until the member answers.
func (m *Member) wait(ctx context.Context) error {
	for {
		err := m.command(ctx, bson.D{{Key: "hello", Value: 1}}, nil)
		if err == nil {
			return nil
		}
		if err := m.process.failed(); err != nil {
			return err
		}
		if pauseErr := pause(ctx, pollInterval); pauseErr != nil {
			return fmt.Errorf("%s does not answer (%w): %w", m.process.name, pauseErr, err)
		}
	}
}

// command runs an admin command on this very member, without credentials.
func (m *Member) command(ctx context.Context, command, result any) error {
	uri := "mongodb://" + m.address + "/?directConnection=true"
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri).SetServerSelectionTimeout(time.Second))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	reply := client.Database("admin").RunCommand(ctx, command)
	if result == nil {
		return reply.Err()
	}
	return reply.Decode(result)
}
