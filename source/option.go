package source

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// ChangeStreamOption configures NewChangeStream.
type ChangeStreamOption interface{ applyStream(*streamConfig) error }

// DirectReadOption configures NewDirectRead.
type DirectReadOption interface{ applyRead(*readConfig) error }

// FinderOption configures NewFinder.
type FinderOption interface{ applyFinder(*common) error }

// ReadOption configures NewChangeStream and NewDirectRead.
type ReadOption interface {
	ChangeStreamOption
	DirectReadOption
}

// Option configures all of them.
type Option interface {
	ReadOption
	FinderOption
}

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

type common struct {
	logger   *slog.Logger
	observer goatee.Observer
	pipeline PipelineFunc
}

type streamConfig struct {
	common
	fullDocument FullDocument
	preImages    PreImages
	filter       filter
	batchSize    int
	maxAwait     time.Duration
}

type readConfig struct {
	common
	chunkBytes int64
	batchBytes int
	parallel   int
	stateful   bool
}

func defaultCommon() common { return common{logger: slog.New(slog.DiscardHandler)} }

func defaultStreamConfig() streamConfig {
	return streamConfig{common: defaultCommon(), batchSize: 10_000, maxAwait: time.Second}
}

func defaultReadConfig() readConfig {
	return readConfig{common: defaultCommon(), chunkBytes: 512 << 20, batchBytes: 2 << 20, parallel: 2}
}

func newStreamConfig(opts []ChangeStreamOption) (streamConfig, error) {
	cfg := defaultStreamConfig()
	for _, opt := range opts {
		if err := opt.applyStream(&cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

func newReadConfig(opts []DirectReadOption) (readConfig, error) {
	cfg := defaultReadConfig()
	for _, opt := range opts {
		if err := opt.applyRead(&cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

func newFinderConfig(opts []FinderOption) (common, error) {
	cfg := defaultCommon()
	for _, opt := range opts {
		if err := opt.applyFinder(&cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

type commonOption func(*common) error

func (o commonOption) applyStream(c *streamConfig) error { return o(&c.common) }
func (o commonOption) applyRead(c *readConfig) error     { return o(&c.common) }
func (o commonOption) applyFinder(c *common) error       { return o(c) }

type streamOption func(*streamConfig) error

func (o streamOption) applyStream(c *streamConfig) error { return o(c) }

type readOption func(*readConfig) error

func (o readOption) applyRead(c *readConfig) error { return o(c) }

// WithLogger sets the logger. Default: nothing is logged.
func WithLogger(l *slog.Logger) Option {
	return commonOption(func(c *common) error {
		if l == nil {
			return errors.New("source: WithLogger: the logger is nil")
		}
		c.logger = l
		return nil
	})
}

// WithObserver sets who is told of changes of state (Observer.State). Default: nobody.
func WithObserver(o goatee.Observer) Option {
	return commonOption(func(c *common) error { c.observer = o; return nil })
}

// WithPipeline appends the stages f returns to those of the source. A change stream's events must keep the fields _id,
// operationType, clusterTime, ns and documentKey; documents of updates that are looked up (FullDocumentLookup) do not
// pass through it. A direct read with a pipeline uses one cursor and begins again when that is lost. Default: none.
func WithPipeline(f PipelineFunc) ReadOption {
	return commonOption(func(c *common) error {
		if f == nil {
			return errors.New("source: WithPipeline: the function is nil")
		}
		c.pipeline = f
		return nil
	})
}

// WithFullDocument says where the document of an update comes from. Default: FullDocumentLookup.
func WithFullDocument(mode FullDocument) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error {
		if mode > FullDocumentRequired {
			return fmt.Errorf("source: WithFullDocument(%d): no such mode", mode)
		}
		c.fullDocument = mode
		return nil
	})
}

// WithPreImages asks for documents as they were before the change. Default: PreImagesOff.
func WithPreImages(mode PreImages) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error {
		if mode > PreImagesRequired {
			return fmt.Errorf("source: WithPreImages(%d): no such mode", mode)
		}
		c.preImages = mode
		return nil
	})
}

// WithInclude keeps only changes of namespaces ("database.collection") that re matches anywhere. Drops are not subject
// to it: see WithDropInclude. MongoDB applies the expression too, so it must mean the same in PCRE. Default: all.
func WithInclude(re *regexp.Regexp) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error { return setOnce(&c.filter.include, re, "WithInclude") })
}

// WithExclude leaves out changes of namespaces that re matches anywhere. Drops are not subject to it: see
// WithDropExclude. Default: none.
func WithExclude(re *regexp.Regexp) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error { return setOnce(&c.filter.exclude, re, "WithExclude") })
}

// WithDropInclude keeps only drops of namespaces that re matches; that of a database is "database.$cmd" or
// "database.cmd", whichever matches. Default: all.
func WithDropInclude(re *regexp.Regexp) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error { return setOnce(&c.filter.dropInclude, re, "WithDropInclude") })
}

// WithDropExclude leaves out drops of namespaces that re matches, with a database's name as in WithDropInclude.
// Default: none.
func WithDropExclude(re *regexp.Regexp) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error { return setOnce(&c.filter.dropExclude, re, "WithDropExclude") })
}

func setOnce(to **regexp.Regexp, re *regexp.Regexp, option string) error {
	switch {
	case re == nil:
		return fmt.Errorf("source: %s: the expression is nil", option)
	case *to != nil:
		return fmt.Errorf("source: %s is given twice: join the expressions with |", option)
	}
	*to = re
	return nil
}

// WithExcludeDatabases leaves out everything in these databases, such as the one that holds the positions. Repeatable.
// Default: none.
func WithExcludeDatabases(names ...string) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error {
		for _, name := range names {
			if name == "" {
				return errors.New("source: WithExcludeDatabases: a name is empty")
			}
		}
		c.filter.databases = append(c.filter.databases, names...)
		return nil
	})
}

// WithBatchSize limits the events of one reply, 1 or more. Large events get fewer, so that a reply is about 2 MiB.
// Default: 10,000.
func WithBatchSize(events int) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error {
		if events < 1 {
			return fmt.Errorf("source: WithBatchSize(%d): want 1 or more", events)
		}
		c.batchSize = events
		return nil
	})
}

// WithMaxAwait sets how long MongoDB waits for events before it answers without any, a millisecond or more. An idle
// stream's position moves that often. Default: 1 s.
func WithMaxAwait(d time.Duration) ChangeStreamOption {
	return streamOption(func(c *streamConfig) error {
		if d < time.Millisecond {
			return fmt.Errorf("source: WithMaxAwait(%v): want 1ms or more", d)
		}
		c.maxAwait = d
		return nil
	})
}

// WithChunkBytes sets about how many bytes of documents one chunk of a direct read holds. A smaller collection is read
// in natural order by one cursor, which is cheaper and begins again when it is lost. Default: 512 MiB.
func WithChunkBytes(n int64) DirectReadOption {
	return readOption(func(c *readConfig) error {
		if n < 1 {
			return fmt.Errorf("source: WithChunkBytes(%d): want 1 or more", n)
		}
		c.chunkBytes = n
		return nil
	})
}

// WithBatchBytes sets about how many bytes of documents one reply of a direct read holds: up to twice as many when that
// is fewer than 200 documents, and at least one document. Default: 2 MiB.
func WithBatchBytes(n int) DirectReadOption {
	return readOption(func(c *readConfig) error {
		if n < 1 {
			return fmt.Errorf("source: WithBatchBytes(%d): want 1 or more", n)
		}
		c.batchBytes = n
		return nil
	})
}

// WithParallel sets how many chunks are read at the same time, 1 or more. Default: 2.
func WithParallel(chunks int) DirectReadOption {
	return readOption(func(c *readConfig) error {
		if chunks < 1 {
			return fmt.Errorf("source: WithParallel(%d): want 1 or more", chunks)
		}
		c.parallel = chunks
		return nil
	})
}

// WithStateful says whether a read that has been completed is not repeated by the next run. Default: false.
func WithStateful(stateful bool) DirectReadOption {
	return readOption(func(c *readConfig) error { c.stateful = stateful; return nil })
}
