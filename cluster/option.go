package cluster

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/goatee-sync/goatee"
)

// Option sets an option of NewLease.
type Option func(*config) error

type config struct {
	ttl    time.Duration
	logger *slog.Logger // nil: none of its own
}

func defaults() config { return config{ttl: 10 * time.Second} }

// WithTTL sets how long a lease lasts that is not renewed: a standby takes over at most 1.3 TTL after a leader was
// killed. At least 1 s. Default: 10 s.
func WithTTL(ttl time.Duration) Option {
	return func(c *config) error {
		if ttl < time.Second {
			return &goatee.ConfigError{
				Setting: "cluster.WithTTL", Problem: fmt.Sprintf("%v is too short to renew a lease over a network", ttl),
				Remedy: "use 1s or more",
			}
		}
		c.ttl = ttl
		return nil
	}
}

// WithLogger sets the logger, which is told who leads while this process stands by, when it takes over, and when MongoDB
// cannot be asked for the lease and answers again. Default: that of the Syncer.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return &goatee.ConfigError{
				Setting: "cluster.WithLogger", Problem: "no logger", Remedy: "leave the option out to use the Syncer's",
			}
		}
		c.logger = l
		return nil
	}
}
