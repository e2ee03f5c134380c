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
	err = retryPorts(cfg.port != 0, func() error {
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

// Primary returns the member that is primary, waiting for an election if there is none.
func (m *Mongo) Primary(ctx context.Context) (*Member, error) {
	if len(m.members) == 0 {
		return nil, ErrShared
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
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
