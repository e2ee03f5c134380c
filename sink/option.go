package sink

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/backoff"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/bulk"
)

// Option sets something of a Bulk. Misuse is a *goatee.ConfigError that names the option.
type Option func(*config) error

type config struct {
	maxBytes           int
	maxActions         int
	requestTimeout     time.Duration
	shardTimeout       time.Duration // 0: the default
	backoff            backoff.Full
	gzip               bool
	droppedCollections bool
	droppedDatabases   bool
	logger             *slog.Logger     // nil: the Syncer's
	observer           *goatee.Observer // nil: the Syncer's
	format             bulk.Options
}

// defaultShardTimeout is long enough for a replica to be promoted to a primary, most times.
const defaultShardTimeout = 5 * time.Second

func defaults() config {
	return config{
		// From 512 KiB to 8 MiB makes no difference to Elasticsearch.
		maxBytes:           8 << 20,
		requestTimeout:     time.Minute,
		backoff:            backoff.Full{Base: 100 * time.Millisecond, Max: 10 * time.Second},
		droppedCollections: true,
		droppedDatabases:   true,
	}
}

func newConfig(opts []Option) (config, error) {
	c := defaults()
	var errs []error
	for _, opt := range opts {
		errs = append(errs, opt(&c))
	}
	if err := errors.Join(errs...); err != nil {
		return c, err
	}
	if c.shardTimeout == 0 {
		c.shardTimeout = max(min(defaultShardTimeout, c.requestTimeout/2), time.Millisecond)
	}
	if c.shardTimeout >= c.requestTimeout {
		return c, misuse("WithShardTimeout", fmt.Sprintf("%v is not less than the %v of a whole request",
			c.shardTimeout, c.requestTimeout), "give a shorter time, or sink.WithRequestTimeout a longer one")
	}
	return c, nil
}

// misuse returns the error of an option.
func misuse(option, problem, remedy string) error {
	return &goatee.ConfigError{Setting: "sink." + option, Problem: problem, Remedy: remedy}
}

func positive[T int | time.Duration](option string, n T) error {
	if n <= 0 {
		return misuse(option, fmt.Sprintf("%v is not more than 0", n), "leave the option out for the default")
	}
	return nil
}

// WithMaxBytes sets the size at which a bulk request body is sent, in bytes before compression. A single larger action
// goes alone. Default: 8 MiB.
func WithMaxBytes(n int) Option {
	return func(c *config) error {
		c.maxBytes = n
		return positive("WithMaxBytes", n)
	}
}

// WithMaxActions sets how many actions one bulk request holds at most; 0 is no limit. Default: 0.
func WithMaxActions(n int) Option {
	return func(c *config) error {
		c.maxActions = n
		if n < 0 {
			return misuse("WithMaxActions", fmt.Sprintf("%d is negative", n), "0 stands for no limit")
		}
		return nil
	}
}

// WithRequestTimeout sets how long one request may take, answer included, before it is cancelled and sent again.
// Default: 1 minute.
func WithRequestTimeout(d time.Duration) Option {
	return func(c *config) error {
		c.requestTimeout = d
		return positive("WithRequestTimeout", d)
	}
}

// WithShardTimeout sets how long Elasticsearch waits, within a bulk request, for a shard that has no active primary. When
// the time is over, the actions for that shard are reported as blocked and all others of the request are written; they
// have waited that long as well, so the time should be short. It must be less than that of WithRequestTimeout.
// Default: 5 seconds, and no more than half the time of a request.
func WithShardTimeout(d time.Duration) Option {
	return func(c *config) error {
		c.shardTimeout = d
		if d < time.Millisecond {
			return misuse("WithShardTimeout", fmt.Sprintf("%v is less than a millisecond", d), "leave the option out for the default")
		}
		return nil
	}
}

// WithBackoff sets the delays between attempts: random, below a ceiling that starts at base and doubles up to most.
// A longer Retry-After of the server counts more. Default: 100 ms and 10 s.
func WithBackoff(base, most time.Duration) Option {
	return func(c *config) error {
		c.backoff = backoff.Full{Base: base, Max: most}
		if base <= 0 || most < base {
			return misuse("WithBackoff", fmt.Sprintf("from %v to %v is no range of delays", base, most), "give 0 < base <= most")
		}
		return nil
	}
}

// WithGzip compresses request bodies at the fastest level. It doubles the CPU that goatee needs and pays on networks
// below about 100 MB/s. The client must not compress as well. Default: off.
func WithGzip(on bool) Option {
	return func(c *config) error {
		c.gzip = on
		return nil
	}
}

// WithDroppedCollections says whether a dropped or renamed collection's index is deleted. Default: true.
func WithDroppedCollections(on bool) Option {
	return func(c *config) error {
		c.droppedCollections = on
		return nil
	}
}

// WithDroppedDatabases says whether the indices of a dropped database's collections are deleted. Default: true.
func WithDroppedDatabases(on bool) Option {
	return func(c *config) error {
		c.droppedDatabases = on
		return nil
	}
}

// WithLogger sets where changes of state are logged, one line each. Default: the logger of the Syncer, or nowhere.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return misuse("WithLogger", "the logger is nil", "leave the option out to log where the Syncer does")
		}
		c.logger = l
		return nil
	}
}

// WithObserver sets who is told when Elasticsearch stops answering and when it answers again. Default: the observer of
// the Syncer, or nobody.
func WithObserver(o goatee.Observer) Option {
	return func(c *config) error {
		c.observer = &o
		return nil
	}
}

// WithShortDoubles writes integral doubles without a fraction: 30 for 30.0. Elasticsearch then maps a new field as long
// or float by whichever document comes first. Default: false.
func WithShortDoubles(on bool) Option {
	return func(c *config) error {
		c.format.JSON.ShortDoubles = on
		return nil
	}
}

// WithDecimalStrings writes Decimal128 values as strings. Default: false, as numbers with all their digits.
func WithDecimalStrings(on bool) Option {
	return func(c *config) error {
		c.format.JSON.DecimalStrings = on
		return nil
	}
}

// WithEpochMillis writes dates as milliseconds since 1970. Default: false, as RFC 3339 text in UTC.
func WithEpochMillis(on bool) Option {
	return func(c *config) error {
		c.format.JSON.EpochMillis = on
		return nil
	}
}

// WithBase64UUIDs writes UUIDs in base64 like other binary values. Default: false, as dashed hexadecimal digits.
func WithBase64UUIDs(on bool) Option {
	return func(c *config) error {
		c.format.JSON.Base64UUIDs = on
		return nil
	}
}

// WithPrune leaves out fields and array elements that JSON cannot hold: NaN, infinities, dates outside the years 0 to
// 9999. Default: false, the document is refused.
func WithPrune(on bool) Option {
	return func(c *config) error {
		c.format.JSON.Prune = on
		return nil
	}
}

// KeyPolicy says what becomes of field names that Elasticsearch refuses: empty or blank names, dots without a name
// between them, metadata fields such as _source at the top level, dotted names that clash with a sibling.
type KeyPolicy uint8

// The policies. The zero value passes every name through and lets Elasticsearch decide.
const (
	KeysKeep KeyPolicy = iota
	// KeysRefuse refuses the document and names the field's path.
	KeysRefuse
	// KeysReplace writes "_" for dots and blank names, and in front of metadata fields.
	KeysReplace
)

// WithKeyPolicy sets what becomes of field names that Elasticsearch refuses. Default: KeysKeep.
func WithKeyPolicy(p KeyPolicy) Option {
	return func(c *config) error {
		switch p {
		case KeysKeep:
			c.format.JSON.Keys = bsonjson.KeysKeep
		case KeysRefuse:
			c.format.JSON.Keys = bsonjson.KeysRefuse
		case KeysReplace:
			c.format.JSON.Keys = bsonjson.KeysReplace
		default:
			return misuse("WithKeyPolicy", fmt.Sprintf("%d is no policy", p), "give KeysKeep, KeysRefuse or KeysReplace")
		}
		return nil
	}
}

// WithExtendedJSONIDs writes an _id that is a document as canonical extended JSON, which never gives two different ids
// one text. Default: false, as Go prints a map, which is what Monstache did.
func WithExtendedJSONIDs(on bool) Option {
	return func(c *config) error {
		c.format.IDForm = bsonjson.IDGoMap
		if on {
			c.format.IDForm = bsonjson.IDExtendedJSON
		}
		return nil
	}
}
