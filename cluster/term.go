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
	// reading and writing are the contexts of the goatee.Term. writing does not end with ctx of Campaign: the lease is
	// kept while what has been read is written.
	reading, writing context.Context
	endReading       context.CancelCauseFunc
	endWriting       context.CancelCauseFunc
	// deadline ends the term by itself, whatever a renewal under way does.
	deadline *time.Timer
	stop     context.CancelFunc // of the renewals
	done     chan struct{}
}

// lead begins a term with a lease that was asked for at start.
func (l *Lease) lead(ctx context.Context, fence goatee.Fence, start time.Time) *goatee.Term {
	t := &term{lease: l, fence: fence, done: make(chan struct{})}
	kept := context.WithoutCancel(ctx)
	t.reading, t.endReading = context.WithCancelCause(ctx)
	t.writing, t.endWriting = context.WithCancelCause(kept)
	t.deadline = time.AfterFunc(time.Until(start.Add(l.trust())), t.lose)
	renewing, stop := context.WithCancel(kept)
	t.stop = stop
	go func() {
		defer close(t.done)
		t.renew(renewing, start)
	}()
	return &goatee.Term{Fence: fence, Reading: t.reading, Writing: t.writing, Resign: t.resign}
}

func (t *term) lose() { t.end(goatee.ErrLeadershipLost) }

func (t *term) end(cause error) {
	t.endReading(cause)
	t.endWriting(cause)
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
			t.lose()
			return
		case err == nil:
			if !t.deadline.Stop() {
				return // too late: the term has ended
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

// resign ends the renewals, then the term, then the lease.
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
