package relate

import (
	"context"
	"log/slog"
	"slices"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

var _ goatee.Source = (*Source)(nil)

// Source is a source that brings related documents along with the changes of another source.
type Source struct {
	inner     goatee.Source
	finder    transform.Finder
	fetcher   goatee.DocumentFetcher // nil when changes come with their documents
	logger    *slog.Logger
	ordered   []*relation
	relations map[goatee.Namespace][]*relation // by Namespace
}

// NewSource lets changes that src brings also bring the documents related to them, as OpRead changes of the related
// collection or view. They come in batches of their own in front of the one whose changes they relate to, with the
// position before it: that position is passed only when all of them are durable. There may be any number of them; no more
// than a page is in memory at a time, and a full pipeline makes the source wait.
//
// Related documents are read after the changes that bring them and carry the newest cluster time of those, so that
// earlier events of theirs cannot overwrite them and later ones will. Where both fields are _id, a document that
// WithNamespace does not show is deleted: one that was deleted, or that a view leaves out by now. Other relations follow
// a delete, or a changed value, only when the collection records pre-images and the source asks for them.
//
// Changes of a collection that has relations, none of which says KeepSrc, are not passed on themselves. That holds for
// related documents too, when their collection has relations of its own.
//
// A change whose relation cannot be followed becomes a dead letter (Batch.Failed), and nothing else is affected: when its
// value makes MongoDB refuse the query, for example because a view divides by zero for the related document or makes it
// larger than 16 MB, and when its own document cannot be read. An error of the Finder that is not such a refusal ends Run.
//
// src is a change stream or the oplog; direct reads bring no related documents. What src can do beyond Source is found
// through Unwrap. The error is a *goatee.ConfigError that names the argument or the field of the Relation.
func NewSource(src goatee.Source, f transform.Finder, relations ...Relation) (*Source, error) {
	switch {
	case src == nil:
		return nil, misuse("NewSource", "no source", "give it a change stream")
	case f == nil:
		return nil, misuse("NewSource", "no Finder", "give it one, such as that of source.NewFinder")
	}
	if _, direct := goatee.As[goatee.DirectReader](src); direct {
		return nil, misuse("NewSource", "the source is a direct read", "give it a change stream or the oplog")
	}
	rs, err := newRelations(relations)
	if err != nil {
		return nil, err
	}
	s := &Source{inner: src, finder: f, logger: slog.New(slog.DiscardHandler), ordered: rs, relations: map[goatee.Namespace][]*relation{}}
	s.fetcher, _ = goatee.As[goatee.DocumentFetcher](src)
	for _, r := range rs {
		s.relations[r.ns] = append(s.relations[r.ns], r)
	}
	return s, nil
}

// Name is the inner source's: positions stay valid when relations are added.
func (s *Source) Name() string { return s.inner.Name() }

// Unwrap returns the inner source.
func (s *Source) Unwrap() goatee.Source { return s.inner }

// Run runs the inner source and puts related documents in front of what it emits.
func (s *Source) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	r := &relating{Source: s, at: from, emit: emit}
	return s.inner.Run(ctx, from, r.batch)
}

// keeps reports whether documents of a namespace are indexed themselves.
func (s *Source) keeps(ns goatee.Namespace) bool {
	rs := s.relations[ns]
	return len(rs) == 0 || slices.ContainsFunc(rs, func(r *relation) bool { return r.KeepSrc })
}

func (s *Source) needsDocument(ns goatee.Namespace) bool {
	return slices.ContainsFunc(s.relations[ns], func(r *relation) bool { return !r.byID() })
}

// relating is one run of a Source.
type relating struct {
	*Source
	at   goatee.Position // behind the last batch of the inner source
	emit goatee.EmitFunc
}

// batch emits what relates to the changes of a batch, and then the batch.
func (r *relating) batch(ctx context.Context, b *goatee.Batch) error {
	w := &walk{
		relating: r, head: b.Head, been: map[visit]bool{},
		failed: map[*goatee.Change]error{}, unread: map[*goatee.Change]bool{},
	}
	if err := w.relate(ctx, b); err != nil {
		if b.Release != nil {
			b.Release() // the pipeline will never see it
		}
		return err
	}
	w.settle(b)
	r.at = b.Position
	return r.emit(ctx, b)
}

// relate emits what relates to the changes of a batch.
func (w *walk) relate(ctx context.Context, b *goatee.Batch) error {
	var triggers []*goatee.Change
	for i := range b.Changes {
		c := &b.Changes[i]
		if len(w.relations[c.Namespace]) > 0 && (c.Op.HasDocument() || c.Op == goatee.OpDelete) {
			triggers = append(triggers, c)
			w.time = later(w.time, c.ClusterTime)
		}
	}
	if len(triggers) == 0 {
		return nil
	}
	asks := questions{}
	if err := w.ask(ctx, triggers, asks); err != nil {
		return err
	}
	return w.follow(ctx, asks, 1)
}

func later(a, b primitive.Timestamp) primitive.Timestamp {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// settle moves the changes that failed to where the pipeline takes them for dead letters, and leaves out the others that
// are not indexed themselves.
func (w *walk) settle(b *goatee.Batch) {
	kept := b.Changes[:0]
	for i := range b.Changes {
		c := &b.Changes[i]
		err := w.failed[c]
		if err != nil {
			b.Failed = append(b.Failed, goatee.FailedChange{Change: *c, Err: err})
		}
		document := c.Op.HasDocument() || c.Op == goatee.OpDelete
		if !document || w.keeps(c.Namespace) && !w.unread[c] {
			kept = append(kept, *c)
		}
	}
	clear(b.Changes[len(kept):])
	b.Changes = kept
}
