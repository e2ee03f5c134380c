package resume

import (
	"fmt"
	"log/slog"

	"github.com/goatee-sync/goatee"
)

// Strategy says which of the two stored kinds of position a change stream resumes from.
type Strategy uint8

// The strategies. Both kinds are always stored, and the other one is used where the preferred one is missing.
const (
	// Token resumes each stream behind its own resume token: only what was not acknowledged is read again.
	Token Strategy = iota
	// Timestamp resumes every stream at one cluster time, that of the slowest stream. It is the only way when tokens
	// have become unusable, after a restore from a backup for instance.
	Timestamp
)

// String returns the strategy's name.
func (s Strategy) String() string {
	switch s {
	case Token:
		return "token"
	case Timestamp:
		return "timestamp"
	}
	return fmt.Sprintf("Strategy(%d)", uint8(s))
}

// MongoOption sets an option of NewMongo.
type MongoOption func(*mongoConfig) error

type mongoConfig struct {
	strategy Strategy
	logger   *slog.Logger // nil: none of its own
}

// WithStrategy sets what change streams resume from. Default: Token.
func WithStrategy(s Strategy) MongoOption {
	return func(c *mongoConfig) error {
		if s > Timestamp {
			return &goatee.ConfigError{
				Setting: "resume.WithStrategy", Problem: "unknown strategy " + s.String(), Remedy: "use Token or Timestamp",
			}
		}
		c.strategy = s
		return nil
	}
}

// WithLogger sets the logger, which is told when another process stores positions under the same name. Default: that of
// the Syncer.
func WithLogger(l *slog.Logger) MongoOption {
	return func(c *mongoConfig) error {
		if l == nil {
			return &goatee.ConfigError{
				Setting: "resume.WithLogger", Problem: "no logger", Remedy: "leave the option out to use the Syncer's",
			}
		}
		c.logger = l
		return nil
	}
}
