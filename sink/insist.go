package sink

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// insist repeats a request that is not a bulk until it is answered for good.
func (b *Bulk) insist(ctx context.Context, method, path string, query url.Values, body string) (reply, error) {
	r := run{health: &b.health}
	defer r.end()
	for {
		res, err := call(ctx, b.client, b.config.requestTimeout, method, path, query, body)
		if err == nil {
			if callSettled(res) {
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
		return fmt.Errorf("write given up: %w", up)
	}
	return fmt.Errorf("write given up: %w (last attempt: %s)", up, last.Error())
}
