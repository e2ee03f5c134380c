package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// Variables that make this test binary a leader that can be killed.
const (
	envURI      = "GOATEE_TEST_LEASE_URI"
	envDatabase = "GOATEE_TEST_LEASE_DATABASE"
)

func TestAStandbyFollowsAKilledLeader(t *testing.T) {
	server := testservers.MongoDB(t)
	db := server.UniqueDB(t)
	leader := exec.Command(os.Args[0], "-test.run=^TestLeadUntilKilled$", "-test.v")
	leader.Env = append(os.Environ(), envURI+"="+server.URI(), envDatabase+"="+db)
	out, err := leader.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, leader.Start())
	t.Cleanup(func() { _ = leader.Process.Kill() })

	var fence goatee.Fence
	lines := bufio.NewScanner(out)
	for fence == 0 && lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "leading with %d", &fence)
	}
	require.NotZero(t, fence, "the process leads")

	coll := server.Client(t).Database(db).Collection(cluster.LeaseCollection)
	held := document(t, coll)
	require.NoError(t, leader.Process.Kill())
	_ = leader.Wait()

	next := campaign(t, newLease(t, coll, 2*time.Second))
	defer resign(t, next)
	require.Equal(t, fence+1, next.Fence)
	require.GreaterOrEqual(t, document(t, coll).Since.Time(), held.ExpireAt.Time(), "not before the lease has expired")
}

// TestLeadUntilKilled is the process TestAStandbyFollowsAKilledLeader kills; on its own it has nothing to test.
func TestLeadUntilKilled(t *testing.T) {
	uri := os.Getenv(envURI)
	if uri == "" {
		return
	}
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(uri))
	require.NoError(t, err)
	coll := client.Database(os.Getenv(envDatabase)).Collection(cluster.LeaseCollection)
	leader := campaign(t, newLease(t, coll, 2*time.Second))
	fmt.Printf("leading with %d\n", leader.Fence)
	<-leader.Writing.Done()
}

// proxied connects to a server through a proxy.
func proxied(t *testing.T, server *testservers.Mongo) (*mongo.Client, *faultproxy.Proxy) {
	t.Helper()
	proxy := faultproxy.New(t, server.Members()[0].Address())
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI(server.URI()).
		SetHosts([]string{proxy.Addr()}).SetDirect(true).SetServerSelectionTimeout(500*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = client.Disconnect(ctx)
	})
	return client, proxy
}

func TestLeadingEndsBeforeAnotherLeads(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	for name, cutOff := range map[string]func(*faultproxy.Proxy){
		"connections refused": func(p *faultproxy.Proxy) { p.Refuse(true); p.Cut() },
		"packets lost":        func(p *faultproxy.Proxy) { p.Blackhole(true) },
	} {
		t.Run(name, func(t *testing.T) {
			client, proxy := proxied(t, server)
			db := server.UniqueDB(t)
			leader := campaign(t, newLease(t, client.Database(db).Collection(cluster.LeaseCollection), 2*time.Second))
			cutOff(proxy)

			coll := server.Client(t).Database(db).Collection(cluster.LeaseCollection)
			next := campaign(t, newLease(t, coll, 2*time.Second))
			defer resign(t, next)
			require.ErrorIs(t, context.Cause(leader.Writing), goatee.ErrLeadershipLost, "ended before the other one led")
			require.Equal(t, leader.Fence+1, next.Fence)

			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			require.Error(t, leader.Resign(ctx), "cut off, but the renewals have ended")
		})
	}
}

func TestLeadingEndsWhenMongoDBStandsStill(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	coll := server.Client(t).Database(server.UniqueDB(t)).Collection(cluster.LeaseCollection)
	leader := campaign(t, newLease(t, coll, 2*time.Second))
	require.NoError(t, server.Members()[0].Pause())
	<-leader.Writing.Done()
	require.ErrorIs(t, context.Cause(leader.Writing), goatee.ErrLeadershipLost)
	require.NoError(t, server.Members()[0].Resume())

	next := campaign(t, newLease(t, coll, 5*time.Second))
	defer resign(t, next)
	require.Greater(t, next.Fence, leader.Fence)
	resign(t, leader)
	require.NoError(t, next.Writing.Err())
}

func TestLeadingOutlivesAShortInterruption(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client, proxy := proxied(t, server)
	db := server.UniqueDB(t)
	leader := campaign(t, newLease(t, client.Database(db).Collection(cluster.LeaseCollection), 10*time.Second))
	defer resign(t, leader)
	coll := server.Client(t).Database(db).Collection(cluster.LeaseCollection)
	first := document(t, coll)
	accepted := proxy.Accepted()
	proxy.Refuse(true)
	proxy.Cut()
	require.Eventually(t, func() bool { return proxy.Accepted() > accepted }, patience, 10*time.Millisecond)
	proxy.Refuse(false)
	require.Eventually(t, func() bool { return document(t, coll).ExpireAt > first.ExpireAt }, patience, 50*time.Millisecond)
	require.NoError(t, leader.Writing.Err())
}

func TestCampaigningOutlastsErrorsThatPass(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client, proxy := proxied(t, server)
	proxy.Refuse(true)
	won := make(chan *goatee.Term, 1)
	coll := client.Database(server.UniqueDB(t)).Collection(cluster.LeaseCollection)
	l := newLease(t, coll, time.Second)
	go func() {
		term, err := l.Campaign(t.Context())
		if err != nil {
			t.Error(err)
		}
		won <- term
	}()
	require.Eventually(t, func() bool { return proxy.Accepted() > 3 }, patience, 10*time.Millisecond)
	proxy.Refuse(false)
	leader := <-won
	resign(t, leader)
}

func TestErrorsThatStayEndTheCampaign(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Auth("root", "rootpassword"))
	root := server.Client(t)
	require.NoError(t, root.Database("state").RunCommand(context.Background(), bson.D{
		{Key: "createUser", Value: "reader"}, {Key: "pwd", Value: "readerpassword"}, {Key: "roles", Value: bson.A{"read"}},
	}).Err())
	for name, credential := range map[string]options.Credential{
		"wrong password": {Username: "root", Password: "wrongpassword"},
		"may not write":  {Username: "reader", Password: "readerpassword", AuthSource: "state"},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := mongo.Connect(context.Background(),
				options.Client().ApplyURI(server.URI()).SetAuth(credential))
			require.NoError(t, err)
			defer func() { require.NoError(t, client.Disconnect(context.Background())) }()
			l := newLease(t, client.Database("state").Collection(cluster.LeaseCollection), never)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_, err = l.Campaign(ctx)
			var fault *goatee.ConfigError
			require.ErrorAs(t, err, &fault)
			require.Contains(t, fault.Remedy, "readWrite on database state")
			require.NotContains(t, err.Error(), credential.Password)
		})
	}
}
