package source

import (
	"context"
	"time"

	"github.com/goatee-sync/goatee/internal/backoff"
)

// retries is how readers wait before they try again.
var retries = backoff.Full{Base: 100 * time.Millisecond, Max: 10 * time.Second}

// persist calls do until it works, its error is not one that passes, or ctx ends.
func persist(ctx context.Context, h *health, do func() error) error {
	for attempt := 0; ; attempt++ {
		err := do()
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || classifyRead(err) == verdictFatal {
			if attempt > 0 {
				h.recovered() // also when MongoDB refuses: it answers
			}
			return cause(err)
		}
		h.failed(err)
		if err := retries.Wait(ctx, attempt, 0); err != nil {
			return ctx.Err()
		}
	}
}
