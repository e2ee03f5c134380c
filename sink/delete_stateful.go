package sink

import (
	"context"
	"log/slog"
	"slices"

	"github.com/goatee-sync/goatee"
)

// Stateful is the delete strategy that remembers where it wrote each document whose index, routing or id a transformer
// has chosen. It deletes a document exactly there, and when a change moves the document it removes the copy at the
// former place. Refer to an index by one name only: an alias and its index count as two places.
type Stateful struct {
	next   goatee.Sink
	bulk   *Bulk
	store  MetaStore
	config deleteConfig
	health *health
}

var (
	_ goatee.Sink         = (*Stateful)(nil)
	_ goatee.Checker      = (*Stateful)(nil)
	_ goatee.Instrumented = (*Stateful)(nil)
)

// NewStateful returns a sink that hands on to next, which is bulk or wraps it, and remembers in store. A store that
// fails is asked again until the write's context ends.
func NewStateful(bulk *Bulk, next goatee.Sink, store MetaStore, opts ...DeleteOption) (*Stateful, error) {
	if bulk == nil || next == nil || store == nil {
		return nil, misuse("NewStateful", "bulk, next or store is nil", "give all three")
	}
	c, err := newDeleteConfig(opts)
	if err != nil {
		return nil, err
	}
	if c.pattern != "" || c.cleanMoves {
		return nil, misuse("NewStateful", "sink.WithIndexPattern and sink.WithCleanMoves are for the stateless strategy",
			"leave them out: this one does not search")
	}
	return &Stateful{next: next, bulk: bulk, store: store, config: c, health: newHealth("delete store", nil, nil)}, nil
}

// Unwrap returns the next sink.
func (s *Stateful) Unwrap() goatee.Sink { return s.next }

// Instrument sets where changes of the store's state are logged and reported.
func (s *Stateful) Instrument(logger *slog.Logger, observer goatee.Observer) {
	s.health.logger, s.health.observer = logger, observer
}

// Check reads from the store, and checks the next sink.
func (s *Stateful) Check(ctx context.Context) error {
	if c, ok := goatee.As[goatee.Checker](s.next); ok {
		if err := c.Check(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if _, err := s.store.Get(ctx, []MetaKey{{}}); err != nil {
		return &goatee.ConfigError{
			Setting: "sink.NewStateful: store", Problem: "the store of the stateful strategy cannot be read", Err: err,
			Remedy: "check the MongoDB connection and the rights on the store's database",
		}
	}
	return nil
}

// Write writes documents where they belong, deletes them where they were written, and remembers where they are now.
//
// Until a batch is durable the store holds every place that a document has or had: whenever the process ends, the batch is
// written again and finds them all.
func (s *Stateful) Write(ctx context.Context, actions []goatee.Action) error {
	m := newMoves(s.bulk, actions, s.config.applies)
	if len(m.docs) == 0 {
		return s.finish(ctx, m, s.next.Write(ctx, actions))
	}
	if err := s.load(ctx, m); err != nil {
		return err
	}
	m.plan()
	if err := s.announce(ctx, m); err != nil {
		return err
	}
	return s.finish(ctx, m, m.write(ctx, s.next))
}

// load fills in where the documents of the batch are.
func (s *Stateful) load(ctx context.Context, m *moves) error {
	keys := make([]MetaKey, 0, len(m.docs))
	for k := range m.docs {
		keys = append(keys, k)
	}
	var known map[MetaKey]Meta
	err := s.try(ctx, func() (err error) {
		known, err = s.store.Get(ctx, keys)
		return err
	})
	if err != nil {
		return err
	}
	var assumed []*document
	for k, d := range m.docs {
		if meta, ok := known[k]; ok {
			d.recall(meta)
		} else if d.away && d.exists {
			assumed = append(assumed, d)
		}
	}
	return s.lookHome(ctx, assumed)
}

// lookHome finds out which of the documents, about which nothing is stored, have a copy at their default place. Documents
// that stay there are never stored.
func (s *Stateful) lookHome(ctx context.Context, docs []*document) error {
	targets := make([]goatee.Target, len(docs))
	for i, d := range docs {
		targets[i] = d.home
	}
	found, err := s.bulk.versions(ctx, targets)
	if err != nil {
		return err
	}
	for _, d := range docs {
		d.known = true
		if version, ok := found[d.home]; ok {
			d.copies, d.since = []copyAt{{target: d.home}}, version
			d.all = []goatee.Target{d.home}
		} else {
			d.places = nil
		}
	}
	return nil
}

// recall fills in what the store holds of a document.
func (d *document) recall(meta Meta) {
	d.stored, d.known, d.since = &meta, true, meta.Version
	d.places = make([]goatee.Target, len(meta.Places))
	for i, p := range meta.Places {
		d.places[i] = p.target(d.home)
		d.copies = append(d.copies, copyAt{d.places[i], meta.Version})
	}
	d.all = slices.Clone(d.places)
}

// meta returns what is to be stored of a document that is in the given places.
func (d *document) meta(places []goatee.Target) Meta {
	m := Meta{Version: d.since}
	for _, t := range places {
		m.Places = append(m.Places, placeOf(t, d.home))
	}
	return m
}

// holds reports whether what is stored of a document covers places.
func (m *Meta) holds(places []goatee.Target, home goatee.Target) bool {
	return m != nil && !slices.ContainsFunc(places, func(t goatee.Target) bool {
		return !slices.Contains(m.Places, placeOf(t, home))
	})
}

// announce stores every place that the batch is about to use. A document that has never left its default place needs
// nothing stored.
func (s *Stateful) announce(ctx context.Context, m *moves) error {
	metas := map[MetaKey]Meta{}
	for k, d := range m.docs {
		if d.stored == nil && !slices.ContainsFunc(d.all, func(t goatee.Target) bool { return t != d.home }) ||
			d.stored.holds(d.all, d.home) {
			continue
		}
		// Monstache reads the first place only: let that be where the document is in the end.
		places := slices.Clone(d.places)
		for _, t := range d.all {
			if !slices.Contains(places, t) {
				places = append(places, t)
			}
		}
		meta := d.meta(places)
		metas[k], d.stored = meta, &meta
	}
	return s.put(ctx, metas)
}

// finish brings the store up to date with what has been written. What has failed stays as it was announced.
func (s *Stateful) finish(ctx context.Context, m *moves, err error) error {
	refused, rest := goatee.SplitBatchError(err)
	if rest != nil {
		return rest
	}
	failed := ordinals(refused)
	metas := map[MetaKey]Meta{}
	var gone []MetaKey
	for k, d := range m.docs {
		switch {
		case d.stored == nil || len(d.ordinals) == 0 || d.failed(failed):
		case len(d.places) == 0:
			gone = append(gone, k)
		case len(d.places) != len(d.stored.Places) || !d.stored.holds(d.places, d.home) || d.since != d.stored.Version:
			metas[k] = d.meta(d.places)
		}
	}
	if err := s.put(ctx, metas); err != nil {
		return err
	}
	if len(gone) > 0 {
		if err := s.try(ctx, func() error { return s.store.Remove(ctx, gone) }); err != nil {
			return err
		}
	}
	if err := s.forgetDropped(ctx, m.actions, failed); err != nil {
		return err
	}
	return batchError(refused)
}

// forgetDropped forgets the documents of collections and databases that have been dropped.
func (s *Stateful) forgetDropped(ctx context.Context, actions []goatee.Action, failed map[int]bool) error {
	for i := range actions {
		if actions[i].Kind != goatee.ActionDrop || actions[i].Change == nil || failed[i] {
			continue
		}
		ns := actions[i].Change.Namespace
		if err := s.try(ctx, func() error { return s.store.RemoveNamespace(ctx, ns) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stateful) put(ctx context.Context, metas map[MetaKey]Meta) error {
	if len(metas) == 0 {
		return nil
	}
	return s.try(ctx, func() error { return s.store.Put(ctx, metas) })
}

// try repeats f until it succeeds or ctx ends.
func (s *Stateful) try(ctx context.Context, f func() error) error {
	r := run{health: s.health}
	defer r.end()
	for {
		err := f()
		if err == nil {
			r.worked()
			return nil
		}
		if ctx.Err() != nil {
			return given(context.Cause(ctx), err)
		}
		r.failed(err, false)
		if cause := r.wait(ctx, s.bulk.config.backoff, 0); cause != nil {
			return given(cause, err)
		}
	}
}
