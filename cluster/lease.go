package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee"
)

// LeaseCollection is the usual name of the collection leases are kept in, next to the positions.
const LeaseCollection = "goatee_leases"

// Lease is a goatee.Elector: of all processes that campaign for one name in one collection, one leads. It needs MongoDB
// 4.2 or newer.
//
// The lease is a document {_id: name, holder, fence, expireAt}. Whether it has expired is decided by the server's clock
// alone; the leader measures on its own monotonic clock, from before each renewal was sent, and gives up a fifth of the
// TTL before the server would give the lease to another. What remains are a process or a machine that was suspended, and
// members of a replica set whose clocks differ by more than that: against these the fencing token helps, which grows
// with every leadership and is compared at every position write.
type Lease struct {
	coll    *mongo.Collection
	name    string
	holder  string
	host    string
	ttl     time.Duration
	logger  *slog.Logger
	failing bool
}

// NewLease returns an elector for a cluster of this name. Each Lease counts as a candidate of its own; one campaigns
// once at a time.
func NewLease(coll *mongo.Collection, name string, opts ...Option) (*Lease, error) {
	if coll == nil {
		return nil, &goatee.ConfigError{
			Setting: "cluster.NewLease", Problem: "no collection", Remedy: "pass db.Collection(cluster.LeaseCollection)",
		}
	}
	if name == "" {
		return nil, &goatee.ConfigError{
			Setting: "cluster.NewLease", Problem: "empty name", Remedy: "name the cluster, all its processes alike",
		}
	}
	o := defaultOptions()
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	durable, err := coll.Clone(options.Collection().
		SetReadPreference(readpref.Primary()).SetWriteConcern(writeconcern.Majority()))
	if err != nil {
		return nil, fmt.Errorf("lease %s: %w", name, err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Lease{
		coll: durable, name: name, ttl: o.ttl, logger: o.logger.With("lease", name), host: host,
		// Not host and process id: two containers easily have the same.
		holder: primitive.NewObjectID().Hex() + fmt.Sprintf("%016x", rand.Uint64()),
	}, nil
}

// Campaign asks for the lease until it has it. Errors of MongoDB that may pass are asked through; one that will not,
// such as a missing privilege, is returned, and ctx's error when ctx ends.
//
// The lease is renewed until Resign of the term is called, also beyond the end of ctx. Both contexts of the term end with
// cause goatee.ErrLeadershipLost when another process holds the lease, or when it could not be renewed in time: before
// another process can get it. Resign waits for the renewals to end and lets another process lead at its next look, within
// a quarter of the TTL. It may be called again when it has failed.
func (l *Lease) Campaign(ctx context.Context) (*goatee.Term, error) {
	for {
		start := time.Now()
		fence, err := l.acquire(ctx)
		switch {
		case ctx.Err() != nil && err != nil:
			return nil, context.Cause(ctx)
		case err != nil && refused(err):
			return nil, &goatee.ConfigError{
				Setting: "lease " + l.name, Problem: "MongoDB refuses it",
				Remedy: "use MongoDB 4.2 or newer and grant this user readWrite on database " + l.coll.Database().Name(), Err: err,
			}
		}
		l.report(err)
		if fence > 0 && time.Since(start) < l.trust() {
			return l.lead(ctx, fence, start), nil
		}
		if err := sleep(ctx, l.ttl/5); err != nil {
			return nil, err
		}
	}
}

// acquire takes the lease if it is free and returns the new fencing token, or 0 when another process holds it. A lease
// of our own that we did not hear of, because the reply was lost, is taken once more.
func (l *Lease) acquire(ctx context.Context) (goatee.Fence, error) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	free := bson.D{{Key: "$or", Value: bson.A{
		// A missing field is less than any date: so is that of a new document.
		bson.D{{Key: "$lte", Value: bson.A{"$expireAt", "$$NOW"}}},
		bson.D{{Key: "$eq", Value: bson.A{"$holder", l.holder}}},
	}}}
	take := func(field string, value any) bson.E {
		return bson.E{Key: field, Value: bson.D{{Key: "$cond", Value: bson.A{free, value, "$" + field}}}}
	}
	update := mongo.Pipeline{{{Key: "$set", Value: bson.D{
		take("holder", l.holder),
		take("host", l.host),
		take("pid", os.Getpid()),
		take("since", "$$NOW"),
		take("fence", nextFence()),
		take("expireAt", l.expiry()),
	}}}}
	var doc struct {
		Holder string `bson:"holder"`
		Fence  int64  `bson:"fence"`
	}
	err := l.coll.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: l.name}}, update,
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Decode(&doc)
	if err != nil || doc.Holder != l.holder {
		return 0, err
	}
	return goatee.Fence(doc.Fence), nil
}

// nextFence begins at the time in milliseconds: if the collection is dropped, tokens must not begin again below those
// that position writes have been conditional on.
func nextFence() bson.D {
	begin := bson.D{{Key: "$toLong", Value: "$$NOW"}}
	return bson.D{{Key: "$add", Value: bson.A{bson.D{{Key: "$ifNull", Value: bson.A{"$fence", begin}}}, int64(1)}}}
}

func (l *Lease) expiry() bson.D {
	return bson.D{{Key: "$add", Value: bson.A{"$$NOW", l.ttl.Milliseconds()}}}
}

// expireAt sets the end of a lease that is still held with this fencing token, and says whether it was.
func (l *Lease) expireAt(ctx context.Context, fence goatee.Fence, at any) (held bool, err error) {
	result, err := l.coll.UpdateOne(ctx,
		bson.D{{Key: "_id", Value: l.name}, {Key: "holder", Value: l.holder}, {Key: "fence", Value: int64(fence)}},
		mongo.Pipeline{{{Key: "$set", Value: bson.D{{Key: "expireAt", Value: at}}}}})
	if err != nil {
		return false, err
	}
	return result.MatchedCount > 0, nil
}

// trust is how long after a renewal was sent the lease is relied on.
func (l *Lease) trust() time.Duration { return l.ttl - l.ttl/5 }

// report logs when MongoDB stops and begins to answer.
func (l *Lease) report(err error) {
	switch {
	case err != nil && !l.failing:
		l.logger.Warn("cannot ask for the lease, trying again", "error", err)
	case err == nil && l.failing:
		l.logger.Info("the lease can be asked for again")
	}
	l.failing = err != nil
}

// sleep waits for d, give or take a quarter, so that candidates do not keep step.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d*3/4 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
