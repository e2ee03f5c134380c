package resume

import (
	"fmt"

	"github.com/goatee-sync/goatee"
)

// Strategy says which of the two stored kinds of position a change stream resumes from.
type Strategy uint8

// The strategies. Both kinds are always stored, and the other one is used where the preferred one is missing.
const (
	// Token resumes each stream behind its own resume token: nothing is read twice but what was not acknowledged.
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
type MongoOption func(*mongoOptions) error

type mongoOptions struct {
	strategy Strategy
}

func defaultMongoOptions() mongoOptions {
	return mongoOptions{strategy: Token}
}

// WithStrategy sets what change streams resume from. Default: Token.
func WithStrategy(s Strategy) MongoOption {
	return func(o *mongoOptions) error {
		if s > Timestamp {
			return &goatee.ConfigError{
				Setting: "resume.WithStrategy", Problem: "unknown strategy " + s.String(), Remedy: "use Token or Timestamp",
			}
		}
		o.strategy = s
		return nil
	}
}
