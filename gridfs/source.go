package gridfs

import (
	"context"

	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// NewSource returns a source that brings the changes of inner, each document of a file with the file's content as
// base64 in its field `file`. The field is empty for files above the size limit, which are not read at all, and for
// those whose content is incomplete, as it is when the file is being deleted.
//
// Memory: one file per source is read at a time, a document with a file travels in a batch of its own, and its bytes
// count in the in-flight budget. Those of updates that come without document are read one per lane.
//
// Apart from that the source is the inner one: it can start, check, estimate, read directly and fetch documents if that
// one can. It uses client for the content and does not disconnect it.
func NewSource(inner goatee.Source, client *mongo.Client, opts ...Option) (goatee.Source, error) {
	switch {
	case inner == nil:
		return nil, &goatee.ConfigError{Setting: "gridfs.NewSource", Problem: "no source", Remedy: "pass the source that brings the .files collection"}
	case client == nil:
		return nil, &goatee.ConfigError{Setting: "gridfs.NewSource", Problem: "no client", Remedy: "pass the client of the same deployment"}
	}
	c := defaults()
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return nil, err
		}
	}
	s := &source{Source: inner, files: newFiles(c, client, inner.Name())}
	direct, isDirect := inner.(goatee.DirectReader)
	fetcher, isFetcher := inner.(goatee.DocumentFetcher)
	fetch := &fetching{inner: fetcher, files: s.files}
	switch {
	case isDirect && isFetcher:
		return struct {
			*source
			goatee.DirectReader
			*fetching
		}{s, direct, fetch}, nil
	case isDirect:
		return struct {
			*source
			goatee.DirectReader
		}{s, direct}, nil
	case isFetcher:
		return struct {
			*source
			*fetching
		}{s, fetch}, nil
	}
	return s, nil
}

type source struct {
	goatee.Source
	files *files
}

// Run runs the inner source and adds the content of files to what it emits.
func (s *source) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	at := from
	return s.Source.Run(ctx, from, func(ctx context.Context, b *goatee.Batch) error {
		err := s.files.emit(ctx, b, at, emit)
		at = b.Position
		return err
	})
}

// Start returns the zero Position, as if there were no Start, for a source that has none.
func (s *source) Start(ctx context.Context) (goatee.Position, error) {
	if inner, ok := s.Source.(goatee.Starter); ok {
		return inner.Start(ctx)
	}
	return goatee.Position{}, nil
}

// Check returns nil for a source that cannot tell.
func (s *source) Check(ctx context.Context) error {
	if inner, ok := s.Source.(goatee.Checker); ok {
		return inner.Check(ctx)
	}
	return nil
}

// Estimate returns 0 for a source that does not know.
func (s *source) Estimate() int64 {
	if inner, ok := s.Source.(goatee.Estimator); ok {
		return inner.Estimate()
	}
	return 0
}

type fetching struct {
	inner goatee.DocumentFetcher
	files *files
}

// Fetch gets the documents in front of the first file together, and that of a file alone, so that no two files are in
// memory for it.
func (f *fetching) Fetch(ctx context.Context, changes []*goatee.Change) (rest []*goatee.Change, err error) {
	n := 0
	for n < len(changes) && !f.files.holds(changes[n].Namespace) {
		n++
	}
	file := n == 0 && len(changes) > 0
	if file {
		n = 1
	}
	left, err := f.inner.Fetch(ctx, changes[:n:n])
	if err != nil {
		return nil, err
	}
	if file && len(left) == 0 {
		if err := f.files.attach(ctx, changes[0]); err != nil {
			return nil, err
		}
	}
	return append(left[:len(left):len(left)], changes[n:]...), nil
}
