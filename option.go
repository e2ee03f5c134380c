package goatee

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Option sets one thing of a Syncer. New refuses misuse with an error that names the option.
type Option func(*config) error

// LostPosition is what to do when a source's position is lost.
type LostPosition uint8

const (
	// LostPositionFail ends Run with ErrPositionLost. The default: what happened since then is not known, and only a
	// person can say whether that matters.
	LostPositionFail LostPosition = iota
	// LostPositionFromNow logs the gap and goes on from the present, at most three times in a row without progress.
	LostPositionFromNow
)

type config struct {
	sources            []Source
	sink               Sink
	transformer        Transformer
	positions          PositionStore
	elector            Elector
	logger             *slog.Logger
	observer           Observer
	deadLetter         func(context.Context, DeadLetter) error
	lanes              int
	inFlightBytes      int64
	batchActions       int
	batchBytes         int
	drainTimeout       time.Duration
	checkpointInterval time.Duration
	idleInterval       time.Duration
	lostPosition       LostPosition
	stopAfterReads     bool
	retryLimit         time.Duration
	pace               time.Duration
}

// The defaults, all in one place. docs/performance.md says how the sizes were found.
func defaults() config {
	return config{
		logger:             slog.New(warnings{slog.Default().Handler()}),
		lanes:              4,
		inFlightBytes:      16 << 20,
		batchActions:       10_000,
		drainTimeout:       30 * time.Second,
		checkpointInterval: time.Second,
		idleInterval:       10 * time.Second,
		pace:               100 * time.Millisecond,
	}
}

// mostInFlight is as many changes as routes can count, about 1 GiB.
const mostInFlight = mostClaims * changeBytes

// check finds what no single option can see, and fills in what depends on others.
func (c *config) check() error {
	if len(c.sources) == 0 {
		return &ConfigError{Setting: "WithSource", Problem: "there is no source", Remedy: "add a change stream or a direct read"}
	}
	if c.sink == nil {
		return &ConfigError{Setting: "WithSink", Problem: "there is no sink", Remedy: "add one, such as sink.NewBulk"}
	}
	if c.elector != nil && c.positions == nil {
		return &ConfigError{Setting: "WithElector", Problem: "there is no position store",
			Remedy: "add WithPositions: a process that takes over must know where the one before it was"}
	}
	names := map[string]bool{}
	for _, s := range c.sources {
		if names[s.Name()] {
			return &ConfigError{Setting: "WithSource", Problem: fmt.Sprintf("two sources are named %q", s.Name()),
				Remedy: "a position is stored by name: name each once"}
		}
		names[s.Name()] = true
	}
	if c.deadLetter == nil {
		c.deadLetter = LogDeadLetter(c.logger)
	}
	if c.batchBytes == 0 {
		c.batchBytes = 4 << 20
		if c.transformer != nil {
			c.batchBytes = 1 << 20
		}
	}
	return nil
}

// WithSource adds a source. At least one is needed; their names must differ.
func WithSource(s Source) Option {
	return func(c *config) error {
		if s == nil {
			return misuse("WithSource", "the source is nil")
		}
		c.sources = append(c.sources, s)
		return nil
	}
}

// WithSink sets where actions are written. Needed.
func WithSink(s Sink) Option {
	return func(c *config) error {
		if s == nil {
			return misuse("WithSink", "the sink is nil")
		}
		c.sink = s
		return nil
	}
}

// WithTransformer sets what happens to actions on their way. Default: nothing, each change is written as it is.
func WithTransformer(t Transformer) Option {
	return func(c *config) error {
		if t == nil {
			return misuse("WithTransformer", "the transformer is nil")
		}
		c.transformer = t
		return nil
	}
}

// WithPositions sets where positions are kept between runs. Default: nowhere, each run starts from now. Collections in
// which the store keeps them are not followed.
func WithPositions(p PositionStore) Option {
	return func(c *config) error {
		if p == nil {
			return misuse("WithPositions", "the store is nil")
		}
		c.positions = p
		return nil
	}
}

// WithElector makes Run work only while this process leads. It needs WithPositions. Default: no election.
func WithElector(e Elector) Option {
	return func(c *config) error {
		if e == nil {
			return misuse("WithElector", "the elector is nil")
		}
		c.elector = e
		return nil
	}
}

// WithLogger sets the logger, also of sources, transformers and the sink that were given none of their own. Default:
// warnings and errors, among them dead letters, go to slog.Default().
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return misuse("WithLogger", "the logger is nil")
		}
		c.logger = l
		return nil
	}
}

// WithObserver sets who is told what happens, also in sources, transformers and the sink that were given none of their
// own. Default: nobody.
func WithObserver(o Observer) Option {
	return func(c *config) error { c.observer = o; return nil }
}

// WithDeadLetter sets what is done with what cannot be written, before its position is passed. An error of the handler
// ends Run, because going on would lose the dead letter. It is called by several goroutines. Default: an error in the log.
func WithDeadLetter(handle func(context.Context, DeadLetter) error) Option {
	return func(c *config) error {
		if handle == nil {
			return misuse("WithDeadLetter", "the handler is nil")
		}
		c.deadLetter = handle
		return nil
	}
}

// WithLanes sets how many lanes there are, which is how many writes are under way at once. Default: 4.
func WithLanes(n int) Option {
	return func(c *config) error {
		if n < 1 || n > mostLanes {
			return misuse("WithLanes", fmt.Sprintf("%d lanes: want 1 to %d", n, mostLanes))
		}
		c.lanes = n
		return nil
	}
}

// WithInFlightBytes limits the bytes of batches that are read and not yet acknowledged, up to about 1 GiB. A larger batch
// passes alone. Default: 16 MiB.
func WithInFlightBytes(n int64) Option {
	return func(c *config) error {
		if n < 1 || n > mostInFlight {
			return misuse("WithInFlightBytes", fmt.Sprintf("%d bytes: want 1 to %d", n, mostInFlight))
		}
		c.inFlightBytes = n
		return nil
	}
}

// WithBatch limits what a lane writes at once, in changes and in bytes of their documents as they came from MongoDB; a
// larger document is written alone. Lanes never wait for a batch to fill. Default: 10,000 changes and 4 MiB, or 1 MiB with
// a transformer, because a decoded document takes several times its bytes.
func WithBatch(changes, bytes int) Option {
	return func(c *config) error {
		if changes < 1 || bytes < 1 {
			return misuse("WithBatch", fmt.Sprintf("%d changes, %d bytes: want at least 1 of each", changes, bytes))
		}
		c.batchActions, c.batchBytes = changes, bytes
		return nil
	}
}

// WithDrainTimeout limits how long Run, asked to stop, waits for what has been read to be acknowledged. 0 waits without
// limit. Default: 30 seconds.
func WithDrainTimeout(d time.Duration) Option {
	return func(c *config) error {
		if d < 0 {
			return misuse("WithDrainTimeout", "negative")
		}
		c.drainTimeout = d
		return nil
	}
}

// WithPace sets about how long changes may wait, while many come, so that they are looked up and written together: small
// replies are asked for once in so long, two and a half times as often where each brings a change or two. It trades latency for what
// changes cost MongoDB, Elasticsearch and this process. A change that comes alone never waits, nor do changes that come
// faster than they can be read. 0 waits for nothing. Default: 100 ms.
func WithPace(d time.Duration) Option {
	return func(c *config) error {
		if d < 0 || d > maxPace {
			return misuse("WithPace", fmt.Sprintf("%v: want 0 to %v", d, maxPace))
		}
		c.pace = d
		return nil
	}
}

// maxPace is well below the time after which servers close idle cursors.
const maxPace = time.Minute

// WithCheckpointInterval sets how often positions that moved are stored; those of idle streams every tenth time. It
// bounds what is read again after a crash, not what can be lost: nothing can. Default: 1 second.
func WithCheckpointInterval(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return misuse("WithCheckpointInterval", "want more than 0")
		}
		c.checkpointInterval, c.idleInterval = d, 10*d
		return nil
	}
}

// WithLostPosition sets what happens when a source's position is lost. Default: LostPositionFail.
func WithLostPosition(p LostPosition) Option {
	return func(c *config) error {
		if p > LostPositionFromNow {
			return misuse("WithLostPosition", "unknown policy")
		}
		c.lostPosition = p
		return nil
	}
}

// WithRetryLimit sets how long a change whose transformer asks for it (Retry) is tried again before it becomes a dead
// letter. 0 is without limit. Default: 0.
func WithRetryLimit(d time.Duration) Option {
	return func(c *config) error {
		if d < 0 {
			return misuse("WithRetryLimit", "negative")
		}
		c.retryLimit = d
		return nil
	}
}

// WithStopAfterDirectReads ends Run, after a drain, when every direct read is complete or has failed. Default: change
// streams go on.
func WithStopAfterDirectReads() Option {
	return func(c *config) error { c.stopAfterReads = true; return nil }
}

func misuse(option, problem string) error {
	return &ConfigError{Setting: option, Problem: problem}
}
