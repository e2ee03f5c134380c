package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/goatee-sync/goatee"
)

// term is one leadership.
type term struct {
	lease *Lease
	fence goatee.Fence

	reading, writing       context.Context
	endReading, endWriting context.CancelCauseFunc

	// deadline ends the term by itself, whatever a renewal under way does.
	deadline *time.Timer
	stop     context.CancelFunc
	done     chan struct{}
}

func (l *Lease) lead(ctx context.Context, fence goatee.Fence, start time.Time) *goatee.Term {
	t := &term{lease: l, fence: fence, done: make(chan struct{})}
	t.reading, t.endReading = context.WithCancelCause(ctx)
	// Beyond the end of ctx: what is under way is finished under the lease.
	lasting := context.WithoutCancel(ctx)
	t.writing, t.endWriting = context.WithCancelCause(lasting)
	t.deadline = time.AfterFunc(time.Until(start.Add(l.trust())), t.lose)
	renewing, stop := context.WithCancel(lasting)
	t.stop = stop
	go func() {
		defer close(t.done)
		t.renew(renewing, start)
	}()
	return &goatee.Term{Fence: fence, Reading: t.reading, Writing: t.writing, Resign: t.resign}
}

func (t *term) lose() { t.end(goatee.ErrLeadershipLost) }

// end ends both contexts. The first cause stays.
func (t *term) end(cause error) {
	t.endWriting(cause)
	t.endReading(cause)
}

// renew keeps the lease until ctx ends or the lease is lost.
func (t *term) renew(ctx context.Context, start time.Time) {
	l := t.lease
	pause := l.ttl / 3
	for sleep(ctx, pause) == nil {
		until := start.Add(l.trust())
		began := time.Now()
		held, err := t.renewOnce(ctx, until)
		if ctx.Err() != nil {
			return
		}
		l.report.answered(err)
		switch {
		case err == nil && !held, err != nil && time.Now().After(until):
			t.lose()
			return
		case err == nil:
			if !t.deadline.Stop() {
				return // too late: the term has ended
			}
			start, pause = began, l.ttl/3
			t.deadline.Reset(time.Until(start.Add(l.trust())))
		default:
			pause = l.ttl / 20
		}
	}
}

func (t *term) renewOnce(ctx context.Context, until time.Time) (held bool, err error) {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	return t.lease.renew(ctx, t.fence)
}

// resign ends the renewals, then the lease. It may be called again when it has failed.
func (t *term) resign(ctx context.Context) error {
	t.end(context.Canceled)
	t.stop()
	<-t.done
	t.deadline.Stop()
	if err := t.lease.release(ctx, t.fence); err != nil {
		return fmt.Errorf("resign lease %s: %w", t.lease.name, err)
	}
	return nil
}
