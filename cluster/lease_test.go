package cluster_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ goatee.Elector = (*cluster.Lease)(nil)

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

func TestOneLeadsTheOtherStandsBy(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	defer resign(t, leader)

	// The shortest TTL, so that the standby looks several times.
	standby := newLease(t, coll, time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	_, err := standby.Campaign(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, leader.Writing.Err())
	require.Equal(t, leader.Fence, goatee.Fence(document(t, coll).Fence), "looking takes no fencing token")
}

func TestResigningHandsOverAtOnce(t *testing.T) {
	coll := leases(t)
	first := campaign(t, newLease(t, coll, never))
	resign(t, first)
	require.ErrorIs(t, context.Cause(first.Reading), context.Canceled)
	require.ErrorIs(t, context.Cause(first.Writing), context.Canceled)

	second := campaign(t, newLease(t, coll, never))
	require.Equal(t, first.Fence+1, second.Fence)
	resign(t, first) // a second time: the lease is another's now
	third, err := cluster.NewLease(coll, "shop", cluster.WithTTL(time.Second))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err = third.Campaign(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	resign(t, second)
}

func TestTheSameLeaseCanCampaignAgain(t *testing.T) {
	coll := leases(t)
	l := newLease(t, coll, never)
	first := campaign(t, l)
	resign(t, first)
	second := campaign(t, l)
	defer resign(t, second)
	require.Greater(t, second.Fence, first.Fence)
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
	require.NoError(t, leader.Writing.Err())
	require.Equal(t, first.Fence, document(t, coll).Fence, "renewals keep the fencing token")
	require.Equal(t, first.Since, document(t, coll).Since)
}

// Between the end of ctx and resign what was read is still being written: nobody else may lead.
func TestTheLeaseIsRenewedUntilResigned(t *testing.T) {
	coll := leases(t)
	ctx, cancel := context.WithCancel(context.Background())
	leader, err := newLease(t, coll, 5*time.Second).Campaign(ctx)
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, leader.Reading.Err(), context.Canceled)
	first := document(t, coll)
	require.Eventually(t, func() bool {
		return document(t, coll).ExpireAt.Time().Sub(first.ExpireAt.Time()) > 2*time.Second
	}, patience, 50*time.Millisecond)
	require.NoError(t, leader.Writing.Err())
	resign(t, leader)
	after := campaign(t, newLease(t, coll, never))
	resign(t, after)
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
			require.ErrorIs(t, context.Cause(leader.Reading), goatee.ErrLeadershipLost)
		})
	}
}

// While what was read is still being written, another process takes the lease: the writing must end.
func TestWritingEndsWhenTheLeaseIsLostWhileDraining(t *testing.T) {
	coll := leases(t)
	ctx, cancel := context.WithCancel(context.Background())
	leader, err := newLease(t, coll, time.Second).Campaign(ctx)
	require.NoError(t, err)
	defer resign(t, leader)
	cancel()
	_, err = coll.UpdateOne(context.Background(), bson.M{"_id": "shop"}, bson.M{"$set": bson.M{"holder": "another"}})
	require.NoError(t, err)
	<-leader.Writing.Done()
	require.ErrorIs(t, context.Cause(leader.Writing), goatee.ErrLeadershipLost)
	require.ErrorIs(t, context.Cause(leader.Reading), context.Canceled)
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

func TestNeverTwoLead(t *testing.T) {
	coll := leases(t)
	var leading atomic.Int32
	var mu sync.Mutex
	var fences []goatee.Fence
	var wg sync.WaitGroup
	for range 4 {
		l := newLease(t, coll, time.Second)
		wg.Go(func() {
			for range 3 {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				term, err := l.Campaign(ctx)
				if err == nil {
					if n := leading.Add(1); n != 1 {
						err = fmt.Errorf("%d lead", n)
					}
					mu.Lock()
					fences = append(fences, term.Fence)
					mu.Unlock()
					leading.Add(-1)
					if e := term.Resign(ctx); e != nil {
						err = e
					}
				}
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, fences, 12)
	for i := 1; i < len(fences); i++ {
		require.Greater(t, fences[i], fences[i-1], "tokens grow in the order of leadership")
	}
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
