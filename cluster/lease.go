package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

var (
	_ goatee.Elector      = (*Lease)(nil)
	_ goatee.Instrumented = (*Lease)(nil)
	_ goatee.StateOwner   = (*Lease)(nil)
)

// LeaseCollection is the usual name of the collection leases are kept in, next to the positions.
const LeaseCollection = "goatee_leases"

// Lease is a goatee.Elector: of all processes that campaign for one name in one collection, one leads. It needs MongoDB
// 4.2 or newer.
//
// The lease is a document {_id: name, holder, host, pid, since, fence, expireAt}. Whether it has expired is decided by
// the server's clock alone; the leader measures on its own monotonic clock, from before each renewal was sent, and gives
// up a fifth of the TTL before the server would give the lease to another. What remains are a process or a machine that
// was suspended, and members of a replica set whose clocks differ by more than that: against these the fencing token
// helps, which grows with every leadership and is compared at every position write.
type Lease struct {
	coll   *mongo.Collection
	name   string
	holder string
	host   string
	ttl    time.Duration
	given  bool // the logger was given by an option
	report report
}

// NewLease returns an elector for a cluster of this name. Each Lease counts as a candidate of its own; one campaigns
// once at a time. It does no I/O.
func NewLease(coll *mongo.Collection, name string, opts ...Option) (*Lease, error) {
	if coll == nil {
		return nil, &goatee.ConfigError{
			Setting: SettingCollection, Problem: "no collection", Remedy: "pass db.Collection(cluster.LeaseCollection)",
		}
	}
	if name == "" {
		return nil, &goatee.ConfigError{
			Setting: SettingName, Problem: "empty name", Remedy: "give all processes of one cluster the same name",
		}
	}
	c := defaults()
	for _, opt := range opts {
		if err := opt(&c); err != nil {
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
	l := &Lease{
		coll: durable, name: name, ttl: c.ttl, host: host, given: c.logger != nil,
		// Not host and process id: two containers easily have the same.
		holder: primitive.NewObjectID().Hex() + fmt.Sprintf("%016x", rand.Uint64()),
	}
	if c.logger == nil {
		c.logger = slog.New(slog.DiscardHandler)
	}
	l.report = report{lease: name, logger: c.logger.With("lease", name)}
	return l, nil
}

// Instrument sets the observer, and the logger unless WithLogger has.
func (l *Lease) Instrument(logger *slog.Logger, observer goatee.Observer) {
	if !l.given && logger != nil {
		l.report.logger = logger.With("lease", l.name)
	}
	l.report.observe = observer.State
}

// OwnNamespaces returns the collection of the lease. Following it, a stream would bring a change with every renewal.
func (l *Lease) OwnNamespaces() []goatee.Namespace {
	return []goatee.Namespace{{Database: l.coll.Database().Name(), Collection: l.coll.Name()}}
}

// Campaign asks for the lease until it has it. Errors of MongoDB that may pass are logged once, and it asks again; one
// that will not pass, such as a missing privilege, is returned as *goatee.ConfigError, and ctx's cause when ctx ends.
//
// The lease is renewed until Resign is called, also when ctx has ended: what is under way can be finished. When it cannot
// be renewed in time, or another process has it, both contexts of the term end with goatee.ErrLeadershipLost, before
// another process can lead. Resign ends both contexts, waits for the renewals to end and lets another process lead at
// its next attempt, within a quarter of the TTL. When it fails it may be called again; if it is not, the lease expires.
func (l *Lease) Campaign(ctx context.Context) (*goatee.Term, error) {
	for {
		start := time.Now()
		held, err := l.acquire(ctx)
		switch {
		case ctx.Err() != nil && err != nil:
			return nil, context.Cause(ctx)
		case err != nil && permanent(err):
			return nil, l.configError(err)
		}
		l.report.answered(err)
		switch {
		case err != nil:
		case held.holder != l.holder:
			l.report.standingBy(held)
		case time.Since(start) < l.trust():
			l.report.won(held)
			return l.lead(ctx, held.fence, start), nil
		}
		if err := sleep(ctx, l.ttl/5); err != nil {
			return nil, err
		}
	}
}

// permanent reports whether an error of MongoDB will be the same next time. A standby that gives up is of no use: what
// is not known may pass.
func permanent(err error) bool {
	return mongoerr.AccessDenied(err) || unsupported(err) || mongoerr.Is(err, mongoerr.InvalidNamespace)
}

// unsupported reports whether MongoDB is older than 4.2, whose updates know neither pipelines nor $$NOW.
func unsupported(err error) bool {
	const undefinedVariable = 17276
	return mongoerr.Is(err, mongoerr.FailedToParse, mongoerr.TypeMismatch, undefinedVariable)
}

func (l *Lease) configError(err error) error {
	db := l.coll.Database().Name()
	fault := &goatee.ConfigError{
		Setting: SettingCollection, Problem: fmt.Sprintf("MongoDB refuses the lease %q in %s.%s", l.name, db, l.coll.Name()),
		Remedy: "choose a valid name for the collection", Err: err,
	}
	switch {
	case mongoerr.AccessDenied(err):
		fault.Remedy = "check the credentials, and grant this user readWrite on database " + db
	case unsupported(err):
		fault.Remedy = "use MongoDB 4.2 or newer"
	}
	return fault
}

// trust is how long after a renewal was sent the lease is relied on.
func (l *Lease) trust() time.Duration { return l.ttl - l.ttl/5 }

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
