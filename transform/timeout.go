package transform

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/goatee-sync/goatee"
)

// Timeout gives t a time limit for each change. A change that takes longer fails, with an error that wraps
// context.DeadlineExceeded, and the pipeline goes on without waiting: the call works on a copy of the change and is left
// behind in its goroutine, which lives until t returns. So t should watch its context. t is called change by change,
// even if it has a batch form.
//
// A change that took too long is a dead letter and is not tried again, since a function that hangs for a document may
// hang every time. For a call that may succeed later, such as a request to a service, set a limit inside t with
// context.WithTimeout, and return goatee.Retry with the error.
func Timeout(limit time.Duration, t goatee.Transformer) goatee.Transformer {
	p := &timeout{inner: t}
	p.apply = func(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		return p.run(ctx, limit, c, actions)
	}
	switch {
	case t == nil:
		p.err = misuse("Timeout", "no transformer", "give it one")
	case limit <= 0:
		p.err = misuse("Timeout", limit.String(), "want more than 0")
	default:
		p.latest = isLatestOnly(t)
	}
	return p
}

type timeout struct {
	perChange
	inner goatee.Transformer
}

// Unwrap returns the transformer that has the limit.
func (p *timeout) Unwrap() goatee.Transformer { return p.inner }

// Check also checks the transformer within.
func (p *timeout) Check(ctx context.Context) error {
	if p.err != nil {
		return p.err
	}
	return checkAll(ctx, p.inner)
}

func (p *timeout) run(ctx context.Context, limit time.Duration, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	copied, err := newAttempt(c, actions)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan *attempt, 1)
	go func() { done <- copied.call(limited, p.inner) }()
	select {
	case a := <-done:
		if limited.Err() == nil || !errors.Is(a.err, context.DeadlineExceeded) {
			return a.settle(c)
		}
	case <-limited.Done():
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, &timeoutError{limit}
}

// timeoutError says that a call took too long. It is not temporary, although context.DeadlineExceeded is.
type timeoutError struct{ limit time.Duration }

func (e *timeoutError) Error() string {
	return fmt.Sprintf("transformer did not return within %s: %v", e.limit, context.DeadlineExceeded)
}

func (e *timeoutError) Unwrap() error { return context.DeadlineExceeded }

func (e *timeoutError) Temporary() bool { return false }

// attempt is one call on a copy of a change.
type attempt struct {
	change  *goatee.Change
	actions []goatee.Action
	err     error
}

// newAttempt copies all that an abandoned call could still read or write: the memory of a batch is used again when the
// batch is done.
func newAttempt(c *goatee.Change, actions []goatee.Action) (*attempt, error) {
	a := &attempt{change: c.Clone(), actions: append([]goatee.Action(nil), actions...)}
	for i := range a.actions {
		act := &a.actions[i]
		if act.Change == c {
			act.Change = a.change
		}
		own, err := copyDocument(&act.Document)
		if err != nil {
			return nil, err
		}
		act.Document = own
	}
	return a, nil
}

// copyDocument returns a document of the same content and in the same form that shares no memory with d.
func copyDocument(d *goatee.Document) (goatee.Document, error) {
	if !d.IsDecoded() {
		return d.Clone(), nil
	}
	raw, err := d.Raw()
	if err != nil {
		return goatee.Document{}, err
	}
	own := goatee.NewDocument(raw)
	_, err = own.Map()
	return own, err
}

func (a *attempt) call(ctx context.Context, t goatee.Transformer) (result *attempt) {
	defer func() {
		if v := recover(); v != nil {
			result = &attempt{err: panicError(v)}
		}
	}()
	actions, err := t.Transform(ctx, a.change, a.actions)
	return &attempt{change: a.change, actions: actions, err: err}
}

// settle returns the actions of a call as those of the real change.
func (a *attempt) settle(c *goatee.Change) ([]goatee.Action, error) {
	if a.err != nil {
		return nil, a.err
	}
	for i := range a.actions {
		if a.actions[i].Change == a.change {
			a.actions[i].Change = c
		}
	}
	return a.actions, nil
}
