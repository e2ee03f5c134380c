package source

import (
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// Option configures NewChangeStream, NewDirectRead and NewFinder. Each says which of them it concerns; the others refuse
// it. Misuse is a *goatee.ConfigError whose Setting is the option, such as "source.WithChunkBytes".
type Option func(*config) error

// PipelineFunc returns the aggregation stages for a namespace. changeStream says whether they are for a change stream,
// whose documents are change events and whose ns is the stream's target, or for a direct read.
type PipelineFunc func(ns string, changeStream bool) (mongo.Pipeline, error)

// FullDocument says where the document of an update comes from.
type FullDocument uint8

const (
	// FullDocumentLookup reads the documents of many updates at once, after their events (goatee.DocumentFetcher).
	// It costs MongoDB a third of FullDocumentUpdateLookup.
	FullDocumentLookup FullDocument = iota
	// FullDocumentUpdateLookup has MongoDB look each document up when it sends the event.
	FullDocumentUpdateLookup
	// FullDocumentWhenAvailable uses the recorded post-image where there is one, and a look-up where there is none.
	// It needs MongoDB 6.0.
	FullDocumentWhenAvailable
	// FullDocumentRequired uses the recorded post-image; the stream fails where there is none. It needs MongoDB 6.0.
	FullDocumentRequired
)

// PreImages says whether changes carry the document before the change.
type PreImages uint8

const (
	// PreImagesOff asks for none.
	PreImagesOff PreImages = iota
	// PreImagesWhenAvailable asks for them where the collection records them. It needs MongoDB 6.0.
	PreImagesWhenAvailable
	// PreImagesRequired fails where there is none. It needs MongoDB 6.0.
	PreImagesRequired
)

// reader is what a config is for.
type reader uint8

const (
	forStream reader = 1 << iota
	forRead
	forFinder
)

func (r reader) constructor() string {
	switch r {
	case forStream:
		return "NewChangeStream"
	case forRead:
		return "NewDirectRead"
	}
	return "NewFinder"
}

// config is what options set, each reader using its part.
type config struct {
	reader   reader
	logger   *slog.Logger     // nil: that of the Syncer
	observer *goatee.Observer // nil: that of the Syncer
	pipeline PipelineFunc

	fullDocument FullDocument
	preImages    PreImages
	filter       filter
	batchSize    int
	maxAwait     time.Duration

	chunkBytes int64
	batchBytes int
	parallel   int
	stateful   bool
	turns      *Turns
}

func defaults(r reader) config {
	return config{
		reader: r, batchSize: 10_000, maxAwait: time.Second,
		chunkBytes: 512 << 20, batchBytes: 2 << 20, parallel: 2,
	}
}

func newConfig(r reader, client *mongo.Client, opts []Option) (config, error) {
	cfg := defaults(r)
	if client == nil {
		return cfg, misuse(r.constructor(), "the client is nil", "give it one that is connected to a replica set")
	}
	for _, opt := range opts {
		if opt == nil {
			return cfg, misuse(r.constructor(), "an option is nil", "leave it out")
		}
		if err := opt(&cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

// misuse is the error of a constructor or an option that was given what it cannot use.
func misuse(name, problem, remedy string) error {
	return &goatee.ConfigError{Setting: "source." + name, Problem: problem, Remedy: remedy}
}

// option returns an option that only some of the constructors take.
func option(name string, readers reader, set func(*config) error) Option {
	return func(c *config) error {
		if c.reader&readers == 0 {
			return misuse(name, "does not concern "+c.reader.constructor(), "leave it out there")
		}
		return set(c)
	}
}

// positive returns an option that sets a number, 1 or more.
func positive[N int | int64](name string, readers reader, n N, field func(*config) *N) Option {
	return option(name, readers, func(c *config) error {
		if n < 1 {
			return misuse(name, fmt.Sprintf("%d is too small", n), "use 1 or more")
		}
		*field(c) = n
		return nil
	})
}

// WithLogger sets the logger of any reader. Default: that of the Syncer; nothing is logged without one.
func WithLogger(l *slog.Logger) Option {
	return func(c *config) error {
		if l == nil {
			return misuse("WithLogger", "the logger is nil", "leave it out to use the Syncer's")
		}
		c.logger = l
		return nil
	}
}

// WithObserver sets whom any reader tells of changes of state (Observer.State). Default: the Syncer's observer.
func WithObserver(o goatee.Observer) Option {
	return func(c *config) error { c.observer = &o; return nil }
}

// WithPipeline appends the stages f returns to those of a change stream or a direct read. A change stream's events must
// keep the fields _id, operationType, clusterTime, ns and documentKey; documents of updates that are looked up
// (FullDocumentLookup) do not pass through it. A direct read with a pipeline uses one cursor and begins again when that
// is lost. Default: none.
func WithPipeline(f PipelineFunc) Option {
	return option("WithPipeline", forStream|forRead, func(c *config) error {
		if f == nil {
			return misuse("WithPipeline", "the function is nil", "leave it out to add no stages")
		}
		c.pipeline = f
		return nil
	})
}

// WithFullDocument says where the document of an update in a change stream comes from. Default: FullDocumentLookup.
func WithFullDocument(mode FullDocument) Option {
	return option("WithFullDocument", forStream, func(c *config) error {
		if mode > FullDocumentRequired {
			return misuse("WithFullDocument", fmt.Sprintf("there is no mode %d", mode), "use one of the constants")
		}
		c.fullDocument = mode
		return nil
	})
}

// WithPreImages asks a change stream for documents as they were before the change. Default: PreImagesOff.
func WithPreImages(mode PreImages) Option {
	return option("WithPreImages", forStream, func(c *config) error {
		if mode > PreImagesRequired {
			return misuse("WithPreImages", fmt.Sprintf("there is no mode %d", mode), "use one of the constants")
		}
		c.preImages = mode
		return nil
	})
}

// WithInclude has a change stream keep only changes of namespaces ("database.collection") that re matches anywhere.
// Drops are not subject to it: see WithDropInclude. MongoDB applies the expression too, unless it cannot compile it: it
// must mean the same in PCRE. Default: all.
func WithInclude(re *regexp.Regexp) Option {
	return expression("WithInclude", re, func(f *filter) **regexp.Regexp { return &f.include })
}

// WithExclude has a change stream leave out changes of namespaces that re matches anywhere. Drops are not subject to it:
// see WithDropExclude. Default: none.
func WithExclude(re *regexp.Regexp) Option {
	return expression("WithExclude", re, func(f *filter) **regexp.Regexp { return &f.exclude })
}

// WithDropInclude has a change stream keep only drops of namespaces that re matches; that of a database is
// "database.$cmd" or "database.cmd", whichever matches. Default: all.
func WithDropInclude(re *regexp.Regexp) Option {
	return expression("WithDropInclude", re, func(f *filter) **regexp.Regexp { return &f.dropInclude })
}

// WithDropExclude has a change stream leave out drops of namespaces that re matches, with a database's name as in
// WithDropInclude. Default: none.
func WithDropExclude(re *regexp.Regexp) Option {
	return expression("WithDropExclude", re, func(f *filter) **regexp.Regexp { return &f.dropExclude })
}

func expression(name string, re *regexp.Regexp, field func(*filter) **regexp.Regexp) Option {
	return option(name, forStream, func(c *config) error {
		to := field(&c.filter)
		switch {
		case re == nil:
			return misuse(name, "the expression is nil", "leave it out to choose nothing")
		case *to != nil:
			return misuse(name, "it is given twice", "join the expressions with |")
		}
		*to = re
		return nil
	})
}

// WithExcludeDatabases has a change stream leave out everything in these databases, such as the one that holds the
// positions. It can be given several times. Default: none.
func WithExcludeDatabases(names ...string) Option {
	return option("WithExcludeDatabases", forStream, func(c *config) error {
		for _, name := range names {
			if problem := databaseProblem(name); problem != "" {
				return misuse("WithExcludeDatabases", fmt.Sprintf("%q: %s", name, problem), "name databases")
			}
		}
		c.filter.databases = append(c.filter.databases, names...)
		return nil
	})
}

// WithBatchSize limits the events of one reply to a change stream, 1 or more. Large events get fewer, so that a reply is
// about 2 MiB. Default: 10,000.
func WithBatchSize(events int) Option {
	return positive("WithBatchSize", forStream, events, func(c *config) *int { return &c.batchSize })
}

// WithMaxAwait sets how long MongoDB waits for events of a change stream before it answers without any, a millisecond or
// more. An idle stream's position moves that often. Default: 1 s.
func WithMaxAwait(d time.Duration) Option {
	return option("WithMaxAwait", forStream, func(c *config) error {
		if d < time.Millisecond {
			return misuse("WithMaxAwait", fmt.Sprintf("%v is too short", d), "use 1ms or more")
		}
		c.maxAwait = d
		return nil
	})
}

// WithChunkBytes sets about how many bytes of documents one chunk of a direct read holds. A smaller collection is read
// in natural order by one cursor, which is cheaper and begins again when it is lost. Default: 512 MiB.
func WithChunkBytes(n int64) Option {
	return positive("WithChunkBytes", forRead, n, func(c *config) *int64 { return &c.chunkBytes })
}

// WithBatchBytes sets about how many bytes of documents one reply of a direct read holds: up to twice as many when that
// is fewer than 200 documents, and at least one document. Default: 2 MiB.
func WithBatchBytes(n int) Option {
	return positive("WithBatchBytes", forRead, n, func(c *config) *int { return &c.batchBytes })
}

// WithParallel sets how many chunks of a direct read are read at the same time, 1 or more. Default: 2.
func WithParallel(chunks int) Option {
	return positive("WithParallel", forRead, chunks, func(c *config) *int { return &c.parallel })
}

// WithStateful says whether a direct read that has been completed is not repeated by the next run. Default: false.
func WithStateful(stateful bool) Option {
	return option("WithStateful", forRead, func(c *config) error { c.stateful = stateful; return nil })
}

// WithTurns has a direct read wait for its turn among all that were given the same Turns. Default: it never waits.
func WithTurns(t *Turns) Option {
	return option("WithTurns", forRead, func(c *config) error {
		if t == nil {
			return misuse("WithTurns", "the turns are nil", "leave it out so that the read never waits")
		}
		c.turns = t
		return nil
	})
}
