package cluster_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// with returns the lines that hold a text.
func (l *lines) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range strings.Split(l.buf.String(), "\n") {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func TestAStandbySaysOnceWhoLeadsAndWhenItTakesOver(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	_, err := coll.UpdateOne(context.Background(), bson.M{"_id": "shop"}, bson.M{"$set": bson.M{"host": "alpha"}})
	require.NoError(t, err)

	var log lines
	watched, looks := counted(t, coll.Database().Name())
	standby := newLease(t, watched, time.Second)
	standby.Instrument(log.logger(), goatee.Observer{})
	won := make(chan *goatee.Term, 1)
	go func() {
		term, err := standby.Campaign(t.Context())
		if err != nil {
			t.Error(err)
		}
		won <- term
	}()
	standingBy := func(n int) func() bool {
		return func() bool { return len(log.with("standing by: another process leads")) == n }
	}
	require.Eventually(t, func() bool { return looks.Load() >= 3 }, patience, 10*time.Millisecond)
	require.Len(t, log.with("standing by"), 1, "once, however often it looks")
	require.Contains(t, log.with("standing by")[0], "host=alpha")
	require.Contains(t, log.with("standing by")[0],
		"since="+document(t, coll).Since.Time().UTC().Format(time.RFC3339))
	require.Contains(t, log.with("standing by")[0], "lease=shop")

	// Another one takes over first: that is worth a line too.
	_, err = coll.UpdateOne(context.Background(), bson.M{"_id": "shop"},
		bson.M{"$set": bson.M{"host": "beta", "holder": "beta"}, "$inc": bson.M{"fence": 1}})
	require.NoError(t, err)
	require.Eventually(t, standingBy(2), patience, 10*time.Millisecond)
	require.Contains(t, log.with("standing by")[1], "host=beta")

	_, err = coll.DeleteOne(context.Background(), bson.M{"_id": "shop"})
	require.NoError(t, err)
	next := <-won
	require.Len(t, log.with("taking over"), 1)
	require.Contains(t, log.with("taking over")[0], "from=beta")
	require.Len(t, log.with("standing by"), 2)
	resign(t, next)
	resign(t, leader)
}

// counted returns the collection of leases by a client that counts how often the lease is asked for.
func counted(t *testing.T, database string) (*mongo.Collection, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(testservers.MongoDB(t).URI()).
		SetMonitor(&event.CommandMonitor{Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) {
			if e.CommandName == "findAndModify" {
				asked.Add(1)
			}
		}}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(database).Collection(cluster.LeaseCollection), &asked
}

func TestLeadingAtOnceIsNoTakeOver(t *testing.T) {
	var log lines
	l := newLease(t, leases(t), never)
	l.Instrument(log.logger(), goatee.Observer{})
	resign(t, campaign(t, l))
	require.Empty(t, log.with("lease"))
}

func TestALoggerOfItsOwnStays(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	var own, syncers lines
	standby, err := cluster.NewLease(coll, "shop", cluster.WithTTL(time.Second), cluster.WithLogger(own.logger()))
	require.NoError(t, err)
	standby.Instrument(syncers.logger(), goatee.Observer{})
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err = standby.Campaign(ctx)
	require.Error(t, err)
	require.Len(t, own.with("standing by"), 1)
	require.Empty(t, syncers.with("lease"))
	resign(t, leader)
}

func TestOutagesAreToldOncePerChange(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client, proxy := proxied(t, server)
	var log lines
	var mu sync.Mutex
	var states []goatee.StateInfo
	l := newLease(t, client.Database(server.UniqueDB(t)).Collection(cluster.LeaseCollection), 10*time.Second)
	l.Instrument(log.logger(), goatee.Observer{State: func(s goatee.StateInfo) {
		mu.Lock()
		defer mu.Unlock()
		states = append(states, s)
	}})
	told := func(n int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(states) >= n
		}
	}
	leader := campaign(t, l)
	interrupt(t, proxy, told(1))
	require.Eventually(t, told(2), patience, 10*time.Millisecond)
	resign(t, leader)

	require.Len(t, states, 2)
	require.Equal(t, "lease shop", states[0].Component)
	require.Error(t, states[0].Err)
	require.NoError(t, states[1].Err)
	require.Len(t, log.with("cannot ask MongoDB for the lease"), 1)
	require.Len(t, log.with("can be asked for the lease again"), 1)
}

// interrupt refuses connections until a condition is met.
func interrupt(t *testing.T, proxy *faultproxy.Proxy, until func() bool) {
	t.Helper()
	proxy.Refuse(true)
	proxy.Cut()
	require.Eventually(t, until, patience, 10*time.Millisecond)
	proxy.Refuse(false)
}

func TestTheLeaseOwnsItsCollection(t *testing.T) {
	coll := leases(t)
	require.Equal(t, []goatee.Namespace{{Database: coll.Database().Name(), Collection: "goatee_leases"}},
		newLease(t, coll, never).OwnNamespaces())
}
