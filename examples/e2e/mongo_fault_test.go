package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// The primary steps down and is killed; writes that MongoDB has acknowledged by majority all arrive.
func TestMongoDBFailsOver(t *testing.T) {
	set := testservers.MongoDB(t, testservers.Members(3))
	s := stackOn(t, set, servers.elasticsearch(t).URL())
	o := faultLoad
	o.tolerant = true
	d := startDaemon(t, s.settings().with(settings{"direct-read-namespaces": s.namespaces(o.collections...)}))
	l := s.startLoad(t, o)
	s.awaitChange(t, "orders")

	// The reply may be lost with the connection.
	_ = s.client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "force", Value: true}}).Err()
	l.more(t, 300)
	s.awaitChange(t, "orders")

	primary, err := set.Primary(t.Context())
	require.NoError(t, err)
	require.NoError(t, primary.Kill())
	l.more(t, 300)
	s.awaitChange(t, "orders")
	require.NoError(t, set.Start(t.Context()))
	l.more(t, 100)

	d.requireRunning(t)
	l.stop(t)
	s.requireAgreement(t, o.collections...)
	require.Zero(t, d.terminate(t))
}

// Cursors and sessions are killed on the server, again and again.
func TestMongoDBCursorsAreKilled(t *testing.T) {
	s := newStack(t)
	o := faultLoad
	o.tolerant = true
	conf := s.settings().with(settings{"direct-read-namespaces": s.namespaces(o.collections...)})
	d := startDaemon(t, conf)
	l := s.startLoad(t, o)
	s.awaitChange(t, "orders")
	for range 10 {
		err := s.client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "killAllSessions", Value: bson.A{}}}).Err()
		require.NoError(t, err)
		killCursors(t, s.client, s.db)
		l.more(t, 50)
	}
	d.requireRunning(t)
	l.stop(t)
	s.requireAgreement(t, o.collections...)
	require.Zero(t, d.terminate(t))
}

// killCursors kills all idle cursors that are open on a database.
func killCursors(t *testing.T, client *mongo.Client, db *mongo.Database) {
	t.Helper()
	cursor, err := client.Database("admin").Aggregate(t.Context(), mongo.Pipeline{
		{{Key: "$currentOp", Value: bson.D{{Key: "allUsers", Value: true}, {Key: "idleCursors", Value: true}}}},
		{{Key: "$match", Value: bson.D{{Key: "cursor.cursorId", Value: bson.D{{Key: "$exists", Value: true}}}}}},
	})
	require.NoError(t, err)
	var open []struct {
		NS     string
		Cursor struct {
			ID int64 `bson:"cursorId"`
		}
	}
	require.NoError(t, cursor.All(t.Context(), &open))
	for _, c := range open {
		_, collection, _ := strings.Cut(c.NS, ".")
		_ = db.RunCommand(t.Context(), bson.D{
			{Key: "killCursors", Value: collection}, {Key: "cursors", Value: bson.A{c.Cursor.ID}},
		}).Err()
	}
}

// The network between goatee and MongoDB is cut, refuses connections and goes silent.
func TestMongoDBNetworkIsCut(t *testing.T) {
	s := newStack(t)
	proxy := faultproxy.New(t, servers.mongoDB(t).Members()[0].Address())
	d := startDaemon(t, s.settings().with(settings{
		"mongo-url":              "mongodb://" + proxy.Addr() + "/?directConnection=true",
		"direct-read-namespaces": s.namespaces(faultLoad.collections...),
	}))
	l := s.startLoad(t, faultLoad)
	r := dice(t, 99)
	s.awaitChange(t, "orders") // a start without MongoDB fails, as it should
	for range 10 {
		proxy.Cut()
		l.more(t, 20)
		proxy.CutAfter(r.Int64N(50_000), faultproxy.ToClient)
		l.more(t, 50)
	}
	proxy.CutAfter(-1, faultproxy.ToClient)
	s.awaitChange(t, "orders")

	mark := d.mark()
	proxy.Refuse(true)
	proxy.Cut()
	before, began := proxy.Accepted(), time.Now()
	l.more(t, 500)
	rate := float64(proxy.Accepted()-before) / time.Since(began).Seconds()
	require.Less(t, rate, 100.0, "connections a second while every one is refused")
	require.LessOrEqual(t, len(d.linesSince(mark, `(?i)mongo|change-stream`)), 4, "a line per state change, not per attempt")
	proxy.Refuse(false)
	s.awaitChange(t, "orders")

	proxy.Blackhole(true)
	l.more(t, 500)
	proxy.Cut()
	proxy.Blackhole(false)
	s.awaitChange(t, "orders")

	d.requireRunning(t)
	l.stop(t)
	s.requireAgreement(t, faultLoad.collections...)
	require.Zero(t, d.terminate(t))
}

// dropAll drops databases, whatever the state of the test's context.
func dropAll(t *testing.T, dbs ...*mongo.Database) {
	t.Helper()
	for _, db := range dbs {
		require.NoError(t, db.Drop(context.Background()))
	}
}
