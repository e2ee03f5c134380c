package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/goatee-sync/goatee"
)

// term is one leadership.
type term struct {
	lease   *Lease
	fence   goatee.Fence
	leading context.Context
	end     context.CancelCauseFunc
	// deadline ends leading by itself, whatever a renewal under way does.
	deadline *time.Timer
	stop     context.CancelFunc
	done     chan struct{}
}

func (l *Lease) lead(ctx context.Context, fence goatee.Fence, start time.Time) *term {
	t := &term{lease: l, fence: fence, done: make(chan struct{})}
	t.leading, t.end = context.WithCancelCause(ctx)
	t.deadline = time.AfterFunc(time.Until(start.Add(l.trust())), func() { t.end(goatee.ErrLeadershipLost) })
	// Beyond the end of ctx: what is under way is finished under the lease.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	t.stop = stop
	go func() {
		defer close(t.done)
		t.renew(renewing, start)
	}()
	return t
}

// renew keeps the lease until ctx ends or the lease is lost.
func (t *term) renew(ctx context.Context, start time.Time) {
	pause := t.lease.ttl / 3
	for sleep(ctx, pause) == nil {
		until := start.Add(t.lease.trust())
		began := time.Now()
		held, err := t.renewOnce(ctx, until)
		switch {
		case err == nil && !held:
			t.end(goatee.ErrLeadershipLost)
			return
		case err == nil:
			if !t.deadline.Stop() {
				return // too late: leading has ended
			}
			start, pause = began, t.lease.ttl/3
			t.deadline.Reset(time.Until(start.Add(t.lease.trust())))
		case time.Now().After(until):
			return
		default:
			pause = t.lease.ttl / 20
		}
		if ctx.Err() == nil {
			t.lease.report(err)
		}
	}
}

func (t *term) renewOnce(ctx context.Context, until time.Time) (held bool, err error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return t.lease.expireAt(ctx, t.fence, t.lease.expiry())
}

// resign ends the renewals, then the lease. It may be called again when it has failed.
func (t *term) resign(ctx context.Context) error {
	t.stop()
	<-t.done
	t.deadline.Stop()
	t.end(context.Canceled)
	if _, err := t.lease.expireAt(ctx, t.fence, "$$NOW"); err != nil {
		return fmt.Errorf("resign lease %s: %w", t.lease.name, err)
	}
	return nil
}
