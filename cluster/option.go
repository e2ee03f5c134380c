package cluster

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/goatee-sync/goatee"
)

// Option sets an option of NewLease.
type Option func(*leaseOptions) error

type leaseOptions struct {
	ttl    time.Duration
	logger *slog.Logger
}

func defaultOptions() leaseOptions {
	return leaseOptions{ttl: 10 * time.Second, logger: slog.New(slog.DiscardHandler)}
}

// WithTTL sets how long a lease lasts that is not renewed: a standby takes over at most 1.3 TTL after a leader was
// killed. At least 1 s. Default: 10 s.
func WithTTL(ttl time.Duration) Option {
	return func(o *leaseOptions) error {
		if ttl < time.Second {
			return &goatee.ConfigError{
				Setting: "cluster.WithTTL", Problem: fmt.Sprintf("%v is too short to renew a lease over a network", ttl),
				Remedy: "use 1s or more",
			}
		}
		o.ttl = ttl
		return nil
	}
}

// WithLogger sets the logger, which is told when MongoDB cannot be asked for the lease and when it answers again.
// Default: none.
func WithLogger(l *slog.Logger) Option {
	return func(o *leaseOptions) error {
		if l == nil {
			return &goatee.ConfigError{
				Setting: "cluster.WithLogger", Problem: "no logger", Remedy: "leave the option out to log nothing",
			}
		}
		o.logger = l
		return nil
	}
}
