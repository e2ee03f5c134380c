package transform

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// RelateSource lets changes that a source brings also bring the documents related to them, as OpRead changes of the
// related collection or view. They come in batches of their own in front of the one whose changes they relate to, with
// the position before it: that position is passed only when all of them are durable. There may be any number of them;
// no more than a page is in memory at a time, and a full pipeline makes the source wait.
//
// Related documents are read after the changes that bring them and carry the newest cluster time of those, so that
// earlier events of theirs cannot overwrite them and later ones will. Where both fields are _id, a document that
// WithNamespace does not show is deleted: one that was deleted, or that a view leaves out by now. Other relations follow
// a delete, or a changed value, only when the collection records pre-images and the source asks for them.
//
// Changes of a collection that no relation with KeepSrc names are not passed on themselves. That holds for related
// documents too, when their collection has relations of its own.
//
// src is a change stream or the oplog; direct reads bring no related documents. The result has the optional interfaces
// of src that concern it.
func RelateSource(src goatee.Source, f Finder, relates ...Relate) goatee.Source {
	s := &relateSource{Source: src, finder: f, relations: map[goatee.Namespace][]*relation{}}
	rs, err := newRelations(relates)
	s.ordered = rs
	switch _, direct := src.(goatee.DirectReader); {
	case src == nil || f == nil:
		err = misuse("RelateSource", "no source or no Finder", "give it both")
	case direct:
		err = misuse("RelateSource", "a direct read", "give it a change stream or the oplog")
	}
	s.err = err
	for _, r := range rs {
		s.relations[r.ns] = append(s.relations[r.ns], r)
	}
	return s.withInterfaces()
}

type relateSource struct {
	goatee.Source
	finder    Finder
	fetcher   goatee.DocumentFetcher // nil when changes come with their documents
	ordered   []*relation
	relations map[goatee.Namespace][]*relation // by Namespace
	err       error
}

// Name is the inner source's: positions stay valid when relations are added.
func (s *relateSource) Name() string {
	if s.Source == nil {
		return ""
	}
	return s.Source.Name()
}

// withInterfaces returns the source with those optional interfaces that the inner one has: the pipeline tells by them
// what it is.
func (s *relateSource) withInterfaces() goatee.Source {
	starter, starts := s.Source.(goatee.Starter)
	var fetches bool
	s.fetcher, fetches = s.Source.(goatee.DocumentFetcher)
	switch {
	case starts && fetches:
		return struct {
			*relateSource
			goatee.Starter
			goatee.DocumentFetcher
		}{s, starter, s.fetcher}
	case starts:
		return struct {
			*relateSource
			goatee.Starter
		}{s, starter}
	case fetches:
		return struct {
			*relateSource
			goatee.DocumentFetcher
		}{s, s.fetcher}
	}
	return s
}

// Check reports misuse, and what the inner source reports.
func (s *relateSource) Check(ctx context.Context) error {
	if s.err != nil {
		return s.err
	}
	if c, ok := s.Source.(goatee.Checker); ok {
		return c.Check(ctx)
	}
	return nil
}

// Run runs the inner source and puts related documents in front of what it emits.
func (s *relateSource) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	if s.err != nil {
		return s.err
	}
	r := &relating{relateSource: s, at: from, emit: emit}
	return s.Source.Run(ctx, from, r.batch)
}

// relating is one run of a relateSource.
type relating struct {
	*relateSource
	at   goatee.Position // behind the last batch of the inner source
	emit goatee.EmitFunc
}

func (r *relating) batch(ctx context.Context, b *goatee.Batch) error {
	if err := r.relate(ctx, b); err != nil {
		if b.Release != nil {
			b.Release() // the pipeline will never see it
		}
		return err
	}
	b.Changes = slices.DeleteFunc(b.Changes, func(c goatee.Change) bool {
		return (c.Op.HasDocument() || c.Op == goatee.OpDelete) && !r.keeps(c.Namespace)
	})
	r.at = b.Position
	return r.emit(ctx, b)
}

// keeps reports whether documents of a namespace are indexed themselves.
func (s *relateSource) keeps(ns goatee.Namespace) bool {
	rs := s.relations[ns]
	return len(rs) == 0 || slices.ContainsFunc(rs, func(r *relation) bool { return r.KeepSrc })
}

// relate emits what relates to the changes of a batch.
func (r *relating) relate(ctx context.Context, b *goatee.Batch) error {
	w := walk{relating: r, been: map[visit]bool{}}
	var triggers []*goatee.Change
	for i := range b.Changes {
		c := &b.Changes[i]
		if len(r.relations[c.Namespace]) > 0 && (c.Op.HasDocument() || c.Op == goatee.OpDelete) {
			triggers = append(triggers, c)
			w.at = later(w.at, c.ClusterTime)
		}
	}
	if len(triggers) == 0 {
		return nil
	}
	asks := questions{}
	if err := r.ask(ctx, triggers, asks); err != nil {
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

// questions are the source values to follow for each relation.
type questions map[*relation]*valueSet

func (q questions) add(s *relateSource, c *goatee.Change) error {
	for _, r := range s.relations[c.Namespace] {
		set := q[r]
		if set == nil {
			set = &valueSet{}
			q[r] = set
		}
		if err := r.values(c, set); err != nil {
			return err
		}
	}
	return nil
}

// ask gathers the questions of the changes of a batch. Documents that must be fetched for it are let go again, a
// portion at a time, because the batch was accounted for without them.
func (r *relating) ask(ctx context.Context, triggers []*goatee.Change, asks questions) error {
	var lacking []*goatee.Change
	for _, c := range triggers {
		if c.Op == goatee.OpUpdate && c.Document.IsZero() && r.fetcher != nil && r.needsDocument(c.Namespace) {
			lacking = append(lacking, c)
		} else if err := asks.add(r.relateSource, c); err != nil {
			return err
		}
	}
	for len(lacking) > 0 {
		rest, err := r.fetcher.Fetch(ctx, slices.Clone(lacking))
		if err != nil {
			return err
		}
		left := make(map[*goatee.Change]bool, len(rest))
		for _, c := range rest {
			left[c] = true
		}
		next := lacking[:0]
		for _, c := range lacking {
			if left[c] {
				next = append(next, c)
				continue
			}
			if err := asks.addOwned(r.relateSource, c); err != nil {
				return err
			}
			c.Document = goatee.Document{}
		}
		lacking = next
	}
	return nil
}

// addOwned is add for a document that is let go: the values are copied.
func (q questions) addOwned(s *relateSource, c *goatee.Change) error {
	own := questions{}
	if err := own.add(s, c); err != nil {
		return err
	}
	for r, values := range own {
		if q[r] == nil {
			q[r] = &valueSet{}
		}
		for _, v := range values.list {
			q[r].add(bson.RawValue{Type: v.Type, Value: slices.Clone(v.Value)})
		}
	}
	return nil
}

func (s *relateSource) needsDocument(ns goatee.Namespace) bool {
	return slices.ContainsFunc(s.relations[ns], func(r *relation) bool { return joinPath(r.src) != "_id" })
}
