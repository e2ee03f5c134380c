package transform

import (
	"context"
	"fmt"
	"time"

	"github.com/goatee-sync/goatee"
)

// Timeout gives t a time limit for each change. A change that takes longer fails, with an error that wraps
// context.DeadlineExceeded, and the pipeline goes on without waiting: the call works on a copy of the change and is left
// behind in its goroutine, which lives until t returns. So t should watch its context. t is called change by change,
// even if it has a batch form: a batch look-up has its own limits.
func Timeout(limit time.Duration, t goatee.Transformer) goatee.Transformer {
	p := &timeout{inner: t}
	p.perChange.apply = func(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
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

// Check also checks the transformer within.
func (p *timeout) Check(ctx context.Context) error {
	if p.err != nil {
		return p.err
	}
	return checkAll(ctx, p.inner)
}

// attempt is one call on a copy of a change.
type attempt struct {
	change  *goatee.Change
	actions []goatee.Action
	err     error
}

func (p *timeout) run(ctx context.Context, limit time.Duration, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	copied, err := newAttempt(c, actions)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan *attempt, 1)
	go func() { done <- copied.call(ctx, p.inner) }()
	select {
	case a := <-done:
		return a.settle(c)
	case <-ctx.Done():
		return nil, fmt.Errorf("transformer did not return within %s: %w", limit, context.Cause(ctx))
	}
}

// newAttempt copies all that an abandoned call could still read or write.
func newAttempt(c *goatee.Change, actions []goatee.Action) (*attempt, error) {
	own := *c
	for _, d := range []*goatee.Document{&own.Document, &own.Before} {
		if err := unshare(d); err != nil {
			return nil, err
		}
	}
	a := &attempt{change: own.Clone(), actions: append([]goatee.Action(nil), actions...)}
	for i := range a.actions {
		act := &a.actions[i]
		if act.Change == c {
			act.Change = a.change
		}
		if err := unshare(&act.Document); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// unshare gives a decoded document values of its own: those inside a map cannot be shared with a call left behind.
func unshare(d *goatee.Document) error {
	if !d.IsDecoded() {
		return nil
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	*d = goatee.NewDocument(raw)
	_, err = d.Map()
	return err
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

// settle puts the result of a call back on the real change.
func (a *attempt) settle(c *goatee.Change) ([]goatee.Action, error) {
	if a.err != nil {
		return nil, a.err
	}
	c.Document, c.Before = a.change.Document, a.change.Before
	for i := range a.actions {
		if a.actions[i].Change == a.change {
			a.actions[i].Change = c
		}
	}
	return a.actions, nil
}
