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

// leadership is what Campaign returned.
type leadership struct {
	ctx    context.Context
	fence  goatee.Fence
	resign func(context.Context) error
}

func (l leadership) end(t *testing.T) {
	t.Helper()
	require.NoError(t, l.resign(context.Background()))
}

func campaign(t *testing.T, l *cluster.Lease) leadership {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	leading, fence, resign, err := l.Campaign(ctx)
	require.NoError(t, err)
	return leadership{leading, fence, resign}
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
	defer leader.end(t)
	doc := document(t, coll)
	require.Equal(t, leader.fence, goatee.Fence(doc.Fence))
	require.NotEmpty(t, doc.Holder)
	require.NotEmpty(t, doc.Host)
	require.NotZero(t, doc.PID)
	require.Equal(t, never, doc.ExpireAt.Time().Sub(doc.Since.Time()))
}

func TestOneLeadsTheOtherStandsBy(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	defer leader.end(t)

	// The shortest TTL, so that the standby looks several times.
	standby := newLease(t, coll, time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	_, _, _, err := standby.Campaign(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, leader.ctx.Err())
	require.Equal(t, leader.fence, goatee.Fence(document(t, coll).Fence), "looking takes no fencing token")
}

func TestResigningHandsOverAtOnce(t *testing.T) {
	coll := leases(t)
	first := campaign(t, newLease(t, coll, never))
	first.end(t)
	require.ErrorIs(t, first.ctx.Err(), context.Canceled)
	require.NotErrorIs(t, context.Cause(first.ctx), goatee.ErrLeadershipLost)

	second := campaign(t, newLease(t, coll, never))
	require.Equal(t, first.fence+1, second.fence)
	first.end(t) // a second time: the lease is another's now
	third, err := cluster.NewLease(coll, "shop", cluster.WithTTL(time.Second))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _, _, err = third.Campaign(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	second.end(t)
}

func TestTheSameLeaseCanCampaignAgain(t *testing.T) {
	coll := leases(t)
	l := newLease(t, coll, never)
	first := campaign(t, l)
	first.end(t)
	second := campaign(t, l)
	defer second.end(t)
	require.Greater(t, second.fence, first.fence)
}

// The reply that gave us the lease was lost: it is ours, and nobody else's until it expires.
func TestALeaseOfOurOwnIsTakenAgain(t *testing.T) {
	coll := leases(t)
	l := newLease(t, coll, never)
	unheard := campaign(t, l)
	defer unheard.end(t)
	again := campaign(t, l)
	defer again.end(t)
	require.Greater(t, again.fence, unheard.fence)
}

func TestTheLeaseIsRenewed(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, 5*time.Second))
	defer leader.end(t)
	first := document(t, coll)
	require.Eventually(t, func() bool {
		return document(t, coll).ExpireAt.Time().Sub(first.ExpireAt.Time()) > 2*time.Second
	}, patience, 50*time.Millisecond)
	require.NoError(t, leader.ctx.Err())
	require.Equal(t, first.Fence, document(t, coll).Fence, "renewals keep the fencing token")
	require.Equal(t, first.Since, document(t, coll).Since)
}

// Between the end of ctx and resign what was read is still being written: nobody else may lead.
func TestTheLeaseIsRenewedUntilResigned(t *testing.T) {
	coll := leases(t)
	ctx, cancel := context.WithCancel(context.Background())
	leading, _, resign, err := newLease(t, coll, 5*time.Second).Campaign(ctx)
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, leading.Err(), context.Canceled)
	first := document(t, coll)
	require.Eventually(t, func() bool {
		return document(t, coll).ExpireAt.Time().Sub(first.ExpireAt.Time()) > 2*time.Second
	}, patience, 50*time.Millisecond)
	require.NoError(t, resign(context.Background()))
	after := campaign(t, newLease(t, coll, never))
	after.end(t)
}

func TestLeadingEndsWhenAnotherHoldsTheLease(t *testing.T) {
	for name, change := range map[string]bson.M{
		"taken by another": {"$set": bson.M{"holder": "another"}, "$inc": bson.M{"fence": 1}},
		"taken once more":  {"$inc": bson.M{"fence": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			coll := leases(t)
			leader := campaign(t, newLease(t, coll, time.Second))
			defer leader.end(t)
			_, err := coll.UpdateOne(context.Background(), bson.M{"_id": "shop"}, change)
			require.NoError(t, err)
			<-leader.ctx.Done()
			require.ErrorIs(t, context.Cause(leader.ctx), goatee.ErrLeadershipLost)
		})
	}
}

func TestTokensGrowAlsoWhenTheCollectionWasDropped(t *testing.T) {
	coll := leases(t)
	first := campaign(t, newLease(t, coll, never))
	first.end(t)
	require.NoError(t, coll.Drop(context.Background()))
	second := campaign(t, newLease(t, coll, never))
	defer second.end(t)
	require.Greater(t, second.fence, first.fence)
}

func TestNamesAreClustersOfTheirOwn(t *testing.T) {
	coll := leases(t)
	leader := campaign(t, newLease(t, coll, never))
	defer leader.end(t)
	other, err := cluster.NewLease(coll, "another", cluster.WithTTL(never))
	require.NoError(t, err)
	also := campaign(t, other)
	defer also.end(t)
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
				_, fence, resign, err := l.Campaign(ctx)
				if err == nil {
					if n := leading.Add(1); n != 1 {
						err = fmt.Errorf("%d lead", n)
					}
					mu.Lock()
					fences = append(fences, fence)
					mu.Unlock()
					leading.Add(-1)
					if e := resign(ctx); e != nil {
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
