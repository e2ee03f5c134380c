package testservers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

const (
	replicaSet = "rs0"

	// startLimit is what a server gets to become ready, also on a machine that is busy with other tests.
	startLimit = 2 * time.Minute

	pollInterval = 50 * time.Millisecond
)

// ErrShared is returned by what only the owner of a server may do.
var ErrShared = errors.New("testservers: this server is shared with other tests; ask for one with Dedicated()")

// Mongo is a running MongoDB: a replica set unless Standalone was asked for. Its methods may be called concurrently.
type Mongo struct {
	uri     string
	members []*Member // empty when the server is shared
	dir     *workdir
}

// StartMongo starts a MongoDB of one's own, which runs until Close and no longer than this process. ctx bounds only the
// start.
func StartMongo(ctx context.Context, opts ...MongoOption) (*Mongo, error) {
	cfg, err := newMongoConfig(opts)
	if err != nil {
		return nil, err
	}
	dir, err := newWorkdir("mongodb")
	if err != nil {
		return nil, err
	}
	m, err := startMongoIn(ctx, dir, cfg)
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	return m, nil
}

// startMongoIn starts the members in dir and waits until a primary takes writes.
func startMongoIn(ctx context.Context, dir *workdir, cfg mongoConfig) (*Mongo, error) {
	mongod, err := installMongod(ctx)
	if err != nil {
		return nil, err
	}
	if cfg.user != "" {
		if err := os.WriteFile(keyFilePath(dir), []byte("goateetestservers"), 0o400); err != nil {
			return nil, err
		}
	}
	var m *Mongo
	err = retryPorts(func() error {
		if m, err = newMongo(dir, mongod, cfg); err != nil {
			return err
		}
		if err := m.startFirst(ctx, cfg); err != nil {
			return errors.Join(err, m.Kill())
		}
		return nil
	})
	return m, err
}

// keyFilePath is where the members find the secret by which they know each other when Auth is asked for.
func keyFilePath(dir *workdir) string { return filepath.Join(dir.path, "keyfile") }

// newMongo chooses the ports and prepares the members' folders.
func newMongo(dir *workdir, mongod string, cfg mongoConfig) (*Mongo, error) {
	ports, err := freePorts(cfg.members)
	if err != nil {
		return nil, err
	}
	if cfg.port != 0 {
		ports[0] = cfg.port
	}
	keyFile := keyFilePath(dir)
	m := &Mongo{dir: dir}
	for i, port := range ports {
		name := fmt.Sprintf("mongod-%d", i)
		data := filepath.Join(dir.path, name)
		if err := os.MkdirAll(data, 0o700); err != nil {
			return nil, err
		}
		argv := append([]string{mongod}, mongodArgs(cfg, data, port, keyFile)...)
		m.members = append(m.members, &Member{
			address: fmt.Sprintf("127.0.0.1:%d", port),
			process: &process{name: name, dir: dir.path, argv: argv},
		})
	}
	m.uri = mongoURI(m.members, cfg)
	return m, nil
}

func mongodArgs(cfg mongoConfig, data string, port int, keyFile string) []string {
	cache := "0.5"
	if cfg.members > 1 {
		cache = "0.25"
	}
	args := []string{
		"--dbpath", data, "--port", fmt.Sprint(port), "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet",
		"--wiredTigerCacheSizeGB", cache,
		"--setParameter", "diagnosticDataCollectionEnabled=false",
		// A stopping primary would otherwise wait 15 s for its clients to leave.
		"--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
	}
	if !cfg.standalone {
		args = append(args, "--replSet", replicaSet, "--oplogSize", fmt.Sprint(cfg.oplogMB))
	}
	if cfg.user != "" {
		args = append(args, "--auth", "--keyFile", keyFile)
	}
	return append(args, cfg.args...)
}

func mongoURI(members []*Member, cfg mongoConfig) string {
	hosts := make([]string, len(members))
	for i, member := range members {
		hosts[i] = member.address
	}
	uri := url.URL{Scheme: "mongodb", Host: strings.Join(hosts, ","), Path: "/"}
	query := url.Values{}
	if !cfg.standalone {
		query.Set("replicaSet", replicaSet)
	}
	if cfg.user != "" {
		uri.User = url.UserPassword(cfg.user, cfg.password)
		query.Set("authSource", "admin")
	}
	uri.RawQuery = query.Encode()
	return uri.String()
}

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
	var hello struct{ Primary string }
	for hello.Primary == "" {
		if err := m.members[0].command(ctx, bson.D{{Key: "hello", Value: 1}}, &hello); err != nil {
			return err
		}
		if err := pause(ctx, pollInterval); err != nil {
			return fmt.Errorf("wait for the first primary: %w", err)
		}
	}
	create := bson.D{
		{Key: "createUser", Value: user},
		{Key: "pwd", Value: password},
		{Key: "roles", Value: bson.A{"root"}},
	}
	for _, member := range m.members {
		if member.address == hello.Primary {
			return member.command(ctx, create, nil)
		}
	}
	return fmt.Errorf("the primary %s is no member", hello.Primary)
}

// URI returns the connection string, with credentials if Auth was asked for.
func (m *Mongo) URI() string { return m.uri }

// Members returns the members of a dedicated server, none of a shared one.
func (m *Mongo) Members() []*Member { return m.members }

// Kill kills all members at once.
func (m *Mongo) Kill() error {
	return m.each(func(member *Member) error { return member.Kill() })
}

// Stop shuts all members down in good order.
func (m *Mongo) Stop() error {
	return m.each(func(member *Member) error { return member.Stop() })
}

// Start starts the members that do not run, on their old ports and data, and waits until the server takes writes.
func (m *Mongo) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err := m.each(func(member *Member) error {
		if member.process.running() {
			return nil
		}
		return member.Start(ctx)
	})
	if err != nil {
		return err
	}
	return m.wait(ctx)
}

func (m *Mongo) each(do func(*Member) error) error {
	if len(m.members) == 0 {
		return ErrShared
	}
	var errs []error
	for _, member := range m.members {
		errs = append(errs, do(member))
	}
	return errors.Join(errs...)
}

// Close kills the members and removes their data. Closing a shared server does nothing.
func (m *Mongo) Close() error {
	if len(m.members) == 0 {
		return nil
	}
	return errors.Join(m.Kill(), m.dir.close())
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
	var hello struct{ IsWritablePrimary bool }
	if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
		return err
	}
	if !hello.IsWritablePrimary {
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

// Primary returns the member that is primary, waiting for an election if there is none.
func (m *Mongo) Primary(ctx context.Context) (*Member, error) {
	if len(m.members) == 0 {
		return nil, ErrShared
	}
	for {
		for _, member := range m.members {
			var hello struct{ IsWritablePrimary bool }
			if !member.process.running() {
				continue
			}
			err := member.command(ctx, bson.D{{Key: "hello", Value: 1}}, &hello)
			if err == nil && hello.IsWritablePrimary {
				return member, nil
			}
		}
		if err := pause(ctx, pollInterval); err != nil {
			return nil, fmt.Errorf("no member is primary: %w", err)
		}
	}
}
