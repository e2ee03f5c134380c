// Package backoff waits between attempts: exponentially longer, with full jitter, so that many clients of a server that
// comes back do not all come back to it at the same instants.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Full is exponential back-off with full jitter: each delay is random between nothing and a ceiling that starts at Base
// and doubles with every attempt, up to Max. It is a value without state and safe for concurrent use.
type Full struct {
	Base, Max time.Duration
}

// Delay returns how long to wait after an attempt that failed; the first attempt is 0.
func (f Full) Delay(attempt int) time.Duration {
	return rand.N(max(f.Ceiling(attempt), 1))
}

// Ceiling returns the longest delay after an attempt.
func (f Full) Ceiling(attempt int) time.Duration {
	ceiling := min(f.Base, f.Max)
	for ; attempt > 0 && ceiling < f.Max; attempt-- {
		if ceiling > f.Max/2 {
			return f.Max
		}
		ceiling *= 2
	}
	return max(ceiling, 0)
}

// Wait sleeps for the delay of an attempt, and no less than atLeast, which is what a server asked for. It returns ctx's
// cause when ctx ends first.
func (f Full) Wait(ctx context.Context, attempt int, atLeast time.Duration) error {
	timer := time.NewTimer(max(f.Delay(attempt), atLeast))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
