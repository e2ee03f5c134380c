package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// withFailPoints is a server that fails on demand.
func withFailPoints(t *testing.T) fixture {
	t.Helper()
	server := testservers.MongoDB(t, testservers.Args("--setParameter", "enableTestCommands=1"))
	client := server.Client(t)
	return fixture{server, client, client.Database("failing")}
}

// fail makes the next times runs of a command fail. Commands of tests are not touched: only those of app do fail.
func (f fixture) fail(t *testing.T, app string, times int, data ...any) {
	t.Helper()
	data = append(data, "appName", app)
	require.NoError(t, f.client.Database("admin").RunCommand(t.Context(), d(
		"configureFailPoint", "failCommand", "mode", d("times", times), "data", d(data...))).Err())
}

// named returns a fixture whose client tells the server its name.
func (f fixture) named(t *testing.T, app string) fixture {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(f.server.URI()).SetAppName(app).
		SetHeartbeatInterval(500*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.Background())) })
	return fixture{f.server, client, client.Database(f.db.Name())}
}

// states records changes of state.
type states struct {
	mu  sync.Mutex
	all []error
}

func (s *states) option() Option {
	return WithObserver(goatee.Observer{State: func(i goatee.StateInfo) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, i.Err)
	}})
}

func (s *states) list() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// failures are what a cursor can suffer.
func failures() map[string][]any {
	code := func(n int) []any { return []any{"errorCode", n} }
	return map[string][]any{
		"connection closed": {"closeConnection", true}, "cursor not found": code(43), "cursor killed": code(237),
		"interrupted by a new primary": code(11602), "shutting down": code(11600), "not primary": code(10107),
	}
}

func TestStreamSurvives(t *testing.T) {
	f := withFailPoints(t)
	for name, failure := range failures() {
		for _, command := range []string{"getMore", "aggregate"} {
			t.Run(name+" in "+command, func(t *testing.T) {
				var states states
				reader := f.named(t, "reader")
				stream, from := reader.stream(t, "failing.c", states.option(), WithMaxAwait(10*time.Millisecond))
				f.fail(t, "reader", 3, append([]any{"failCommands", bson.A{command}}, failure...)...)
				got, _ := run(t, stream, from)
				id := t.Name()
				for i := range 10 {
					f.insert(t, "c", d("_id", d("t", id, "i", i)))
				}
				own := func() (all []int32) {
					for _, c := range got.changes() {
						doc, _ := c.ID.DocumentOK()
						if c.Op == goatee.OpInsert && doc != nil && doc.Lookup("t").StringValue() == id {
							all = append(all, doc.Lookup("i").Int32())
						}
					}
					return all
				}
				got.eventually(t, func() bool { return len(own()) >= 10 }, "all changes")
				require.Equal(t, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, own(), "in order, none twice")
				got.eventually(t, func() bool { return len(states.list()) == 2 }, "down and up")
				require.Error(t, states.list()[0])
				require.NoError(t, states.list()[1])
			})
		}
	}
}

func TestDirectReadSurvives(t *testing.T) {
	f := withFailPoints(t)
	var docs []any
	for i := range 500 {
		docs = append(docs, d("_id", i, "pad", strings.Repeat("p", 50)))
	}
	f.insert(t, "c", docs...)
	commands := []struct {
		name       string
		chunkBytes int64
	}{{"getMore", 4 << 10}, {"getMore", 1 << 20}, {"find", 4 << 10}, {"listCollections", 4 << 10}}
	for name, failure := range failures() {
		for _, command := range commands {
			t.Run(fmt.Sprintf("%s in %s of %d", name, command.name, command.chunkBytes), func(t *testing.T) {
				reader := f.named(t, "reader")
				f.fail(t, "reader", 2, append([]any{"failCommands", bson.A{command.name}}, failure...)...)
				got := reader.readAll(t, "c", WithChunkBytes(command.chunkBytes), WithBatchBytes(1<<10))
				all := ids(got.changes())
				require.Len(t, slices.Compact(all), 500)
				if command.chunkBytes < 1<<20 {
					require.Len(t, got.changes(), 500, "it goes on where it was")
				}
			})
		}
	}
}

func TestFetchSurvives(t *testing.T) {
	f := withFailPoints(t)
	f.insert(t, "c", d("_id", 1))
	for name, failure := range failures() {
		t.Run(name, func(t *testing.T) {
			reader := f.named(t, "reader")
			stream, _ := reader.stream(t, "failing.c")
			changes := reader.changesOf(t, "c", int32(1))
			f.fail(t, "reader", 3, append([]any{"failCommands", bson.A{"find"}}, failure...)...)
			rest, err := stream.Fetch(t.Context(), changes, failsNever(t))
			require.NoError(t, err)
			require.Empty(t, rest)
			require.False(t, changes[0].Document.IsZero())
		})
	}
}

func TestLostPosition(t *testing.T) {
	f := withFailPoints(t)
	discard := func(context.Context, *goatee.Batch) error { return nil }
	for _, code := range []int{286, 280, 136} {
		for _, command := range []string{"aggregate", "getMore"} {
			reader := f.named(t, "reader")
			stream, from := reader.stream(t, "failing")
			f.fail(t, "reader", 1, "failCommands", bson.A{command}, "errorCode", code)
			err := stream.Run(t.Context(), from, discard)
			require.ErrorIs(t, err, goatee.ErrPositionLost, "%d in %s", code, command)
			require.ErrorContains(t, err, fmt.Sprint(code))
		}
	}
}

// TestTokenOfAnotherDeployment resumes where the event of the token has never happened.
func TestTokenOfAnotherDeployment(t *testing.T) {
	f := setup(t)
	elsewhere, from := f.stream(t, f.db.Name())
	got, _ := run(t, elsewhere, from)
	f.insert(t, "c", d("_id", 1), d("_id", 2))
	got.lines(t, 2)

	other := testservers.MongoDB(t, testservers.Dedicated())
	stream, err := NewChangeStream(other.Client(t), f.db.Name())
	require.NoError(t, err)
	_, err = other.Client(t).Database(f.db.Name()).Collection("c").InsertOne(t.Context(), d("_id", 3))
	require.NoError(t, err)
	at := lastWithChanges(t, got).Position
	err = stream.Run(t.Context(), at, func(context.Context, *goatee.Batch) error { return nil })
	require.ErrorIs(t, err, goatee.ErrPositionLost)
}

func TestErrorsThatDoNotPassEndTheRun(t *testing.T) {
	f := withFailPoints(t)
	for _, code := range []int{13, 40324} {
		for _, command := range []string{"aggregate", "getMore"} {
			reader := f.named(t, "reader")
			stream, from := reader.stream(t, "failing")
			f.fail(t, "reader", 1, "failCommands", bson.A{command}, "errorCode", code)
			err := stream.Run(t.Context(), from, func(context.Context, *goatee.Batch) error { return nil })
			require.Error(t, err)
			require.NotErrorIs(t, err, goatee.ErrPositionLost)
		}
	}
}

func TestKilledCursorsAndFailover(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Members(3))
	client := server.Client(t)
	f := fixture{server, client, client.Database("failover")}
	stream, from := f.stream(t, "failover")
	got, _ := run(t, stream, from)
	written := 0
	write := func(n int) {
		t.Helper()
		for range n {
			f.insert(t, "c", d("_id", written))
			written++
		}
	}
	write(20)
	require.NoError(t, client.Database("admin").RunCommand(t.Context(), d("killAllSessions", bson.A{})).Err())
	write(20)
	stepDown := d("replSetStepDown", 10, "secondaryCatchUpPeriodSecs", 5)
	err := client.Database("admin").RunCommand(t.Context(), stepDown).Err()
	if err != nil && !mongo.IsNetworkError(err) {
		require.NoError(t, err)
	}
	write(20)
	primary, err := server.Primary(t.Context())
	require.NoError(t, err)
	require.NoError(t, primary.Kill())
	f.db = client.Database("failover", options.Database().SetWriteConcern(writeconcern.Majority()))
	write(20)
	got.eventually(t, func() bool { return len(inserted(got)) >= written }, "all changes")
	want := make([]int32, written)
	for i := range want {
		want[i] = int32(i)
	}
	require.Equal(t, want, inserted(got), "in order, none twice, none lost")
	require.Len(t, f.readAll(t, "c").changes(), written)
}

func lastWithChanges(t *testing.T, r *recorder) recorded {
	t.Helper()
	for _, b := range slices.Backward(r.snapshot()) {
		if len(b.changes) > 0 {
			return b
		}
	}
	require.FailNow(t, "no changes")
	return recorded{}
}

func inserted(r *recorder) (all []int32) {
	for _, c := range r.changes() {
		if c.Op == goatee.OpInsert {
			all = append(all, c.ID.Int32())
		}
	}
	return all
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI("mongodb://user:secret@"+address))
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Disconnect(context.Background())) }()
	stream, err := NewChangeStream(client, "")
	require.NoError(t, err)
	read, err := NewDirectRead(client, "shop.orders")
	require.NoError(t, err)
	for _, checker := range []goatee.Checker{stream, read} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		err = checker.Check(ctx)
		cancel()
		requireSetting(t, err, SettingAddress)
		require.NotContains(t, err.Error(), "secret")
	}
}

func requireSetting(t *testing.T, err error, setting string) {
	t.Helper()
	var config *goatee.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, setting, config.Setting)
	require.NotEmpty(t, config.Remedy)
}

func TestStandaloneHasNoStreams(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Standalone())
	stream, err := NewChangeStream(server.Client(t), "")
	require.NoError(t, err)
	requireSetting(t, stream.Check(t.Context()), SettingDeployment)
	err = stream.Run(t.Context(), goatee.Position{}, func(context.Context, *goatee.Batch) error { return nil })
	requireSetting(t, err, SettingDeployment)
}

// TestStandaloneIsRead: what direct reads bring has versions, which grow from run to run.
func TestStandaloneIsRead(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Standalone())
	client := server.Client(t)
	f := fixture{server, client, client.Database("standalone")}
	for i := range 20 {
		f.insert(t, "c", d("_id", i, "n", i-10))
	}
	require.NoError(t, f.db.CreateView(t.Context(), "failing", "c", mongo.Pipeline{inverse}))
	var log bytes.Buffer
	first := f.readAll(t, "c", WithChunkBytes(100), WithLogger(slog.New(slog.NewTextHandler(&log, nil)))).changes()
	require.Len(t, first, 20)
	require.Equal(t, 1, strings.Count(log.String(), "standalone mongod"))
	version := first[0].Version()
	require.Positive(t, version)
	require.Greater(t, f.readAll(t, "c").changes()[0].Version(), version)

	failing := f.readAll(t, "failing")
	require.Len(t, failing.changes(), 19)
	require.Len(t, failing.failed(), 1)
	require.Len(t, find(t, f.finder(t), f.namespace("c"), nil, nil), 20)
}

func TestWrongCredentials(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Auth("admin", "correct"))
	f := fixture{server: server, client: server.Client(t)}
	require.NoError(t, f.client.Database("admin").RunCommand(t.Context(), d(
		"createUser", "reader", "pwd", "limited", "roles", bson.A{d("role", "read", "db", "shop")})).Err())
	check := func(uri, target string) error {
		client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(uri))
		require.NoError(t, err)
		defer func() { require.NoError(t, client.Disconnect(context.Background())) }()
		stream, err := NewChangeStream(client, target)
		require.NoError(t, err)
		return stream.Check(t.Context())
	}
	wrong := strings.Replace(server.URI(), "correct", "wrong", 1)
	limited := strings.Replace(server.URI(), "admin:correct", "reader:limited", 1)
	require.NoError(t, check(server.URI(), ""))
	require.NoError(t, check(limited, "shop"))
	for _, err := range []error{check(wrong, ""), check(limited, ""), check(limited, "blog")} {
		requireSetting(t, err, SettingCredentials)
		require.NotContains(t, err.Error(), "wrong")
		require.NotContains(t, err.Error(), "limited")
	}
}

func TestEmitErrorEndsTheRun(t *testing.T) {
	f := setup(t)
	full := errors.New("the pipeline takes no more")
	emit := func(context.Context, *goatee.Batch) error { return full }
	f.insert(t, "c", d("_id", 1))
	stream, from := f.stream(t, f.db.Name(), WithLogger(slog.New(slog.DiscardHandler)))
	require.Equal(t, full, stream.Run(t.Context(), from, emit))
	read, err := NewDirectRead(f.client, f.db.Name()+".c")
	require.NoError(t, err)
	require.Equal(t, full, read.Run(t.Context(), goatee.Position{}, emit))
}

// TestFrozenPrimary stops the primary's process while its connections stay open: no error ever arrives from there.
func TestFrozenPrimary(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Members(3))
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(server.URI()).
		SetConnectTimeout(2*time.Second).SetHeartbeatInterval(500*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.Background())) })
	f := fixture{server, client, client.Database("frozen")}
	stream, from := f.stream(t, "frozen")
	got, _ := run(t, stream, from)
	f.insert(t, "c", d("_id", 0))
	got.lines(t, 1)
	primary, err := server.Primary(t.Context())
	require.NoError(t, err)
	require.NoError(t, primary.Pause())
	defer func() { require.NoError(t, primary.Resume()) }()
	require.Eventually(t, func() bool {
		_, err := f.db.Collection("c").InsertOne(t.Context(), d("_id", 1))
		return err == nil || mongo.IsDuplicateKeyError(err)
	}, patience, 100*time.Millisecond)
	got.eventually(t, func() bool { return slices.Equal(inserted(got), []int32{0, 1}) }, "what the new primary took")
}
