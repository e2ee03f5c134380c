package gridfs

import (
	"context"
	"errors"
	"log/slog"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

var (
	_ goatee.Instrumented    = (*source)(nil)
	_ goatee.Instrumented    = (*fetching)(nil)
	_ goatee.DocumentFetcher = (*fetching)(nil)
)

// NewSource returns a source that brings the changes of inner, each document of a file with the file's content as
// base64 in its field `file`. The field is empty for files above the size limit, which are not read at all, and for
// those that are being deleted. A file whose content cannot be read for a reason of its own, such as a missing chunk, is
// a failed change of its batch. Errors of access end the run; everything else is tried again. NewSource's own errors are
// *goatee.ConfigError.
//
// Memory: a document with a file travels in a batch of its own, and its bytes count in the in-flight budget. Before that,
// each source holds one file and what WithDownloads reads ahead of it, at most 32 MiB of text together. Those of updates
// that come without document are read one per lane.
//
// What inner can do beyond goatee.Source is found through the wrapper (goatee.As). It uses client for the content and
// does not disconnect it.
func NewSource(inner goatee.Source, client *mongo.Client, opts ...Option) (goatee.Source, error) {
	switch {
	case inner == nil:
		return nil, misuse("NewSource", "the source is nil", "pass the source that brings the .files collection")
	case client == nil:
		return nil, misuse("NewSource", "the client is nil", "pass the client of the same deployment")
	}
	c := defaults()
	for _, opt := range opts {
		if opt == nil {
			return nil, misuse("NewSource", "an option is nil", "leave it out")
		}
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	s := &source{inner: inner, files: newFiles(c, client, inner.Name())}
	if fetcher, ok := goatee.As[goatee.DocumentFetcher](inner); ok {
		return &fetching{source: s, inner: fetcher}, nil
	}
	return s, nil
}

type source struct {
	inner goatee.Source
	files *files
}

// Name returns the name of the inner source.
func (s *source) Name() string { return s.inner.Name() }

// Unwrap returns the inner source.
func (s *source) Unwrap() goatee.Source { return s.inner }

// Instrument sets logger and observer unless options have.
func (s *source) Instrument(logger *slog.Logger, observer goatee.Observer) {
	s.files.instrument(logger, &observer)
}

// Run runs the inner source and adds the content of files to what it emits.
func (s *source) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	at := from
	return s.inner.Run(ctx, from, func(ctx context.Context, b *goatee.Batch) error {
		before := at
		at = b.Position
		return s.files.emit(ctx, b, before, emit)
	})
}

// fetching is a source whose inner source fetches documents.
type fetching struct {
	*source
	inner goatee.DocumentFetcher
}

// Fetch gets the documents in front of the first file together, and that of a file alone, so that no two files are in
// memory for it.
func (f *fetching) Fetch(
	ctx context.Context, changes []*goatee.Change, fail func(*goatee.Change, error),
) (rest []*goatee.Change, err error) {
	n := 0
	for n < len(changes) && !f.files.holds(changes[n].Namespace) {
		n++
	}
	if n > 0 || len(changes) == 0 {
		left, err := f.inner.Fetch(ctx, changes[:n:n], fail)
		if err != nil {
			return nil, err
		}
		return append(left[:len(left):len(left)], changes[n:]...), nil
	}
	if err := f.fetchFile(ctx, changes[0], fail); err != nil {
		return nil, err
	}
	return changes[1:], nil
}

// fetchFile gets the document of one file with its content.
func (f *fetching) fetchFile(ctx context.Context, c *goatee.Change, fail func(*goatee.Change, error)) error {
	failed := false
	for left := []*goatee.Change{c}; len(left) > 0; {
		var err error
		left, err = f.inner.Fetch(ctx, left, func(c *goatee.Change, err error) {
			failed = true
			fail(c, err)
		})
		if err != nil {
			return err
		}
	}
	if failed || c.Document.IsZero() { // or gone since the update
		return nil
	}
	err := f.files.attach(ctx, c)
	if own := (*fileError)(nil); errors.As(err, &own) {
		fail(c, err)
		return nil
	}
	return err
}
