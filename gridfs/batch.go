package gridfs

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/goatee-sync/goatee"
)

// emit hands a batch on in parts: each document with a file alone, what is between them together. Only the last part may
// carry the position of the batch; the others stay at the one before.
func (f *files) emit(ctx context.Context, b *goatee.Batch, before goatee.Position, emit goatee.EmitFunc) error {
	all := f.allFiles(b.Changes) // now: their documents change while they are read
	if len(all) == 0 {
		return emit(ctx, b)
	}
	s := &splitter{batch: b, before: before, bytes: b.Bytes}
	s.parts.Store(1) // the splitter itself, until all parts are made
	defer s.release()
	ahead := f.ahead(ctx, b.Changes, all)
	defer ahead.stop()
	start := 0
	for _, i := range all {
		if start < i {
			if err := emit(ctx, s.part(start, i)); err != nil {
				return err
			}
		}
		start = i + 1
		part, err := s.file(i, ahead.next())
		if err != nil {
			return err
		}
		if err := emit(ctx, part); err != nil {
			return err
		}
	}
	if start < len(b.Changes) {
		return emit(ctx, s.part(start, len(b.Changes)))
	}
	return nil
}

// file returns the part that holds one file, as a failed change if err says that its content cannot be read for its own
// reason.
func (s *splitter) file(i int, err error) (*goatee.Batch, error) {
	c := &s.batch.Changes[i]
	own := (*fileError)(nil)
	if err != nil && !errors.As(err, &own) {
		return nil, err
	}
	part := s.part(i, i+1)
	if err != nil {
		part.Changes, part.Failed = nil, append(part.Failed, goatee.FailedChange{Change: *c, Err: err})
		return part, nil
	}
	if part.Bytes > 0 {
		part.Bytes += c.Document.Len()
	}
	return part, nil
}

// allFiles returns the ordinals of the changes that are files.
func (f *files) allFiles(changes []goatee.Change) (all []int) {
	for i := range changes {
		if f.isFile(&changes[i]) {
			all = append(all, i)
		}
	}
	return all
}

// splitter makes parts of a batch and releases the batch behind the last of them.
type splitter struct {
	batch  *goatee.Batch
	before goatee.Position
	bytes  int
	parts  atomic.Int32
}

// part returns the changes from i to j. The first part answers for the bytes of the whole batch and has its failed
// changes; only the last says that the source has caught up.
func (s *splitter) part(i, j int) *goatee.Batch {
	s.parts.Add(1)
	p := &goatee.Batch{
		Changes: s.batch.Changes[i:j:j], Position: s.before, Head: s.batch.Head, Bytes: s.bytes, Release: s.release,
	}
	s.bytes = 0
	if i == 0 {
		p.Failed = slices.Clone(s.batch.Failed)
	}
	if j == len(s.batch.Changes) {
		p.Position, p.CaughtUp = s.batch.Position, s.batch.CaughtUp
	}
	return p
}

func (s *splitter) release() {
	if s.parts.Add(-1) == 0 && s.batch.Release != nil {
		s.batch.Release()
	}
}
