package sink

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// ask is a request that is not a bulk.
type ask struct {
	method, path string
	query        url.Values
	body         string
	final        func(reply) bool // whether an answer settles the request; otherwise it is sent again
}

// insist repeats a request until it is answered for good.
func (b *Bulk) insist(ctx context.Context, q ask) (reply, error) {
	r := run{health: b.health}
	defer r.end()
	for {
		res, err := call(ctx, b.client, b.config.requestTimeout, q)
		if err == nil {
			if q.final(res) {
				res.attempts = r.attempt + 1
				r.worked()
				return res, nil
			}
			err = requestError(res)
		}
		if err := b.pause(ctx, &r, res.retryAfter, err, false); err != nil {
			return reply{}, err
		}
	}
}

// pause waits before the next attempt, unless ctx has ended.
func (b *Bulk) pause(ctx context.Context, r *run, atLeast time.Duration, problem error, busy bool) error {
	if ctx.Err() != nil {
		return given(context.Cause(ctx), problem)
	}
	r.failed(problem, busy)
	if err := r.wait(ctx, b.config.backoff, atLeast); err != nil {
		return given(err, problem)
	}
	b.counters.retries.Add(1)
	return nil
}

// given says why a write ended before its actions were settled: ctx's cause, and what the last attempt met.
func given(up, last error) error {
	if last == nil {
		return fmt.Errorf("write cancelled: %w", up)
	}
	return fmt.Errorf("write cancelled: %w (last attempt: %s)", up, last.Error())
}
