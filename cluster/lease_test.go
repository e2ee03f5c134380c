package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/cluster/electortest"
	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen; never is a TTL that no test outlives.
const (
	patience = 60 * time.Second
	never    = time.Hour
)

func leases(t *testing.T) *mongo.Collection {
	t.Helper()
	server := testservers.MongoDB(t)
	return server.Client(t).Database(server.UniqueDB(t)).Collection(cluster.LeaseCollection)
}

func newLease(t *testing.T, coll *mongo.Collection, ttl time.Duration) *cluster.Lease {
	t.Helper()
	l, err := cluster.NewLease(coll, "shop", cluster.WithTTL(ttl))
	require.NoError(t, err)
	return l
}

func campaign(t *testing.T, l *cluster.Lease) *goatee.Term {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	term, err := l.Campaign(ctx)
	require.NoError(t, err)
	return term
}

func resign(t *testing.T, term *goatee.Term) {
	t.Helper()
	require.NoError(t, term.Resign(context.Background()))
}

func document(t *testing.T, coll *mongo.Collection) (doc struct {
	Holder, Host string
	Fence        int64
	PID          int `bson:"pid"`
	Since        primitive.DateTime
	ExpireAt     primitive.DateTime `bson:"expireAt"`
}) {
	t.Helper()
	require.NoError(t, coll.FindOne(context.Background(), bson.M{"_id": "shop"}).Decode(&doc))
	return doc
}

func TestLeaseConforms(t *testing.T) {
	server := testservers.MongoDB(t)
	client := server.Client(t)
	electortest.Run(t, electortest.Subject{
		Calm: 500 * time.Millisecond,
		New: func(t *testing.T) (a, b goatee.Elector, lose func()) {
			coll := client.Database(server.UniqueDB(t)).Collection(cluster.LeaseCollection)
			return newLease(t, coll, time.Second), newLease(t, coll, time.Second), func() {
				_, err := coll.UpdateOne(context.Background(), bson.M{"_id": "shop"}, bson.M{
					"$set": bson.M{"holder": "another", "expireAt": primitive.DateTime(0)}, "$inc": bson.M{"fence": 1},
				})
				require.NoError(t, err)
			}
		},
	})
}

// A standby that looks for the lease does not count as a leadership.
func TestLookingTakesNoFence(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := newLease(t, coll, time.Second).Campaign(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, leader.Fence, goatee.Fence(document(t, coll).Fence))
	resign(t, leader)
}

func TestLeaseSaysWhoHoldsIt(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	defer resign(t, leader)
	doc := document(t, coll)
	require.Equal(t, leader.Fence, goatee.Fence(doc.Fence))
	require.NotEmpty(t, doc.Holder)
	require.NotEmpty(t, doc.Host)
	require.NotZero(t, doc.PID)
	require.Equal(t, never, doc.ExpireAt.Time().Sub(doc.Since.Time()))
}

// The reply that gave us the lease was lost: it is ours, and nobody else's until it expires.
func TestALeaseOfOurOwnIsTakenAgain(t *testing.T) {
	coll := leases(t)
	l := newLease(t, coll, never)
	unheard := campaign(t, l)
	defer resign(t, unheard)
	again := campaign(t, l)
	defer resign(t, again)
	require.Greater(t, again.Fence, unheard.Fence)
}

func TestTheLeaseIsRenewed(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, 5*time.Second))
	defer resign(t, leader)
	first := document(t, coll)
	require.Eventually(t, func() bool {
		return document(t, coll).ExpireAt.Time().Sub(first.ExpireAt.Time()) > 2*time.Second
	}, patience, 50*time.Millisecond)
	require.NoError(t, leader.Reading.Err())
	require.Equal(t, first.Fence, document(t, coll).Fence, "renewals keep the fencing token")
	require.Equal(t, first.Since, document(t, coll).Since)
}

// Between the end of ctx and Resign what was read is still being written: nobody else may lead.
func TestTheLeaseIsRenewedUntilResigned(t *testing.T) {
	coll := leases(t)
	ctx, cancel := context.WithCancel(context.Background())
	term, err := newLease(t, coll, 5*time.Second).Campaign(ctx)
	require.NoError(t, err)
	cancel()
	first := document(t, coll)
	require.Eventually(t, func() bool {
		return document(t, coll).ExpireAt.Time().Sub(first.ExpireAt.Time()) > 2*time.Second
	}, patience, 50*time.Millisecond)
	require.NoError(t, term.Writing.Err())
	resign(t, term)
}

func TestLeadingEndsWhenAnotherHoldsTheLease(t *testing.T) {
	for name, change := range map[string]bson.M{
		"taken by another": {"$set": bson.M{"holder": "another"}, "$inc": bson.M{"fence": 1}},
		"taken once more":  {"$inc": bson.M{"fence": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			coll := leases(t)
			leader := campaign(t, newLease(t, coll, time.Second))
			defer resign(t, leader)
			_, err := coll.UpdateOne(context.Background(), bson.M{"_id": "shop"}, change)
			require.NoError(t, err)
			<-leader.Writing.Done()
			require.ErrorIs(t, context.Cause(leader.Writing), goatee.ErrLeadershipLost)
		})
	}
}

// A lease that somebody has edited does not keep everybody out.
func TestADamagedLeaseIsFree(t *testing.T) {
	for name, damage := range map[string]bson.M{
		"expiry is a string":   {"expireAt": "tomorrow"},
		"expiry is not a date": {"expireAt": primitive.Timestamp{T: 1}}, // greater than any date
		"fence is a string":    {"expireAt": primitive.DateTime(0), "fence": "7"},
		"holder is a number":   {"expireAt": primitive.DateTime(0), "holder": 7, "host": 7, "since": 7},
	} {
		t.Run(name, func(t *testing.T) {
			coll := leases(t)
			first := campaign(t, newLease(t, coll, never))
			_, err := coll.UpdateOne(context.Background(), bson.M{"_id": "shop"}, bson.M{"$set": damage})
			require.NoError(t, err)
			second := campaign(t, newLease(t, coll, never))
			require.Greater(t, second.Fence, first.Fence)
			resign(t, second)
			resign(t, first)
		})
	}
}

func TestTokensGrowAlsoWhenTheCollectionWasDropped(t *testing.T) {
	coll := leases(t)
	first := campaign(t, newLease(t, coll, never))
	resign(t, first)
	require.NoError(t, coll.Drop(context.Background()))
	second := campaign(t, newLease(t, coll, never))
	defer resign(t, second)
	require.Greater(t, second.Fence, first.Fence)
}

func TestNamesAreClustersOfTheirOwn(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	defer resign(t, leader)
	other, err := cluster.NewLease(coll, "another", cluster.WithTTL(never))
	require.NoError(t, err)
	also := campaign(t, other)
	defer resign(t, also)
}

func TestNewLeaseSaysWhatIsWrong(t *testing.T) {
	coll := leases(t)
	for want, make := range map[string]func() (*cluster.Lease, error){
		"no collection": func() (*cluster.Lease, error) { return cluster.NewLease(nil, "shop") },
		"empty name":    func() (*cluster.Lease, error) { return cluster.NewLease(coll, "") },
		"cluster.WithTTL: 10ms is too": func() (*cluster.Lease, error) {
			return cluster.NewLease(coll, "shop", cluster.WithTTL(10*time.Millisecond))
		},
		"cluster.WithLogger: no logger": func() (*cluster.Lease, error) { return cluster.NewLease(coll, "shop", cluster.WithLogger(nil)) },
	} {
		_, err := make()
		require.ErrorContains(t, err, want)
	}
}
