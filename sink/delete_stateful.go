package sink

import (
	"context"
	"errors"
	"slices"

	"github.com/goatee-sync/goatee"
)

// Stateful is the delete strategy that remembers where it wrote each document whose index, routing or id a transformer
// has chosen, and deletes it exactly there.
type Stateful struct {
	decorator
	bulk   *Bulk
	store  MetaStore
	config deleteConfig
	health health
}

var (
	_ goatee.Sink         = (*Stateful)(nil)
	_ goatee.Checker      = (*Stateful)(nil)
	_ goatee.SinkReporter = (*Stateful)(nil)
)

// NewStateful returns a sink that hands on to next, which is bulk or wraps it, and remembers in store. A store that
// fails is asked again until the write's context ends.
func NewStateful(bulk *Bulk, next goatee.Sink, store MetaStore, opts ...DeleteOption) (*Stateful, error) {
	if bulk == nil || next == nil || store == nil {
		return nil, errors.New("sink.NewStateful: bulk, next or store is nil")
	}
	c, err := newDeleteConfig(opts)
	if err != nil {
		return nil, err
	}
	if c.pattern != "" {
		return nil, errors.New("sink.WithIndexPattern: the stateful delete strategy does not search")
	}
	return &Stateful{
		decorator: decorator{next}, bulk: bulk, store: store, config: c,
		health: health{component: "delete store", logger: bulk.config.logger, observer: bulk.config.observer},
	}, nil
}

// Check checks the next sink and reads from the store.
func (s *Stateful) Check(ctx context.Context) error {
	if err := s.decorator.Check(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if _, err := s.store.Get(ctx, []MetaKey{{}}); err != nil {
		return &goatee.ConfigError{
			Setting: "delete-strategy", Problem: "the store of the stateful strategy cannot be read", Err: err,
			Remedy: "check the MongoDB connection and the rights on the state database",
		}
	}
	return nil
}

// plan is what a batch means for the store.
type plan struct {
	known  map[MetaKey]Meta // where documents are when the actions so far have been applied
	before map[MetaKey]Meta // to be stored before the batch is written
	after  map[MetaKey]Meta // to be stored after it
	gone   map[MetaKey]bool // to be forgotten after it
	used   map[MetaKey]bool // stored places that a delete of the batch needs
}

// Write deletes where documents were written, and remembers where they are written now.
//
// A place is stored before its document is written, so that none is ever unknown; but after the write when a delete in
// the same batch needs the place that was stored before, which a replay of the batch must find again.
func (s *Stateful) Write(ctx context.Context, actions []goatee.Action) error {
	if !slices.ContainsFunc(actions, s.concerns) {
		return s.next.Write(ctx, actions)
	}
	p := plan{
		before: map[MetaKey]Meta{}, after: map[MetaKey]Meta{}, gone: map[MetaKey]bool{}, used: map[MetaKey]bool{},
	}
	if err := s.load(ctx, &p, actions); err != nil {
		return err
	}
	r := newRewritten(actions)
	for i := range actions {
		s.apply(&p, r, i)
	}
	if err := s.put(ctx, p.before); err != nil {
		return err
	}
	err := r.write(ctx, s.next)
	var batch *goatee.BatchError
	if err != nil && !errors.As(err, &batch) {
		return err
	}
	if err := s.finish(ctx, &p, actions, batch); err != nil {
		return err
	}
	return err
}

// concerns reports whether an action has to do with the store.
func (s *Stateful) concerns(a goatee.Action) bool {
	return a.Kind == goatee.ActionDrop || s.config.applies(&a) || a.Kind != goatee.ActionDelete && !placeOf(&a).isDefault()
}

func placeOf(a *goatee.Action) Meta {
	return Meta{Index: a.Index, Routing: a.Routing, ID: a.ID, Pipeline: a.Pipeline}
}

func (m Meta) isDefault() bool { return m.Index == "" && m.Routing == "" && m.ID == "" }

// load reads the places of what is to be deleted.
func (s *Stateful) load(ctx context.Context, p *plan, actions []goatee.Action) error {
	var keys []MetaKey
	for i := range actions {
		if !s.config.applies(&actions[i]) {
			continue
		}
		if k, ok := s.key(&actions[i]); ok {
			keys = append(keys, k)
		}
	}
	p.known = map[MetaKey]Meta{}
	if len(keys) == 0 {
		return nil
	}
	return s.try(ctx, func() (err error) {
		p.known, err = s.store.Get(ctx, keys)
		return err
	})
}

// apply hands on action i.
func (s *Stateful) apply(p *plan, r *rewritten, i int) {
	a := r.add(i)
	k, ok := s.key(a)
	switch {
	case !ok || a.Kind == goatee.ActionDrop:
	case a.Kind != goatee.ActionDelete:
		p.written(k, placeOf(a))
	case s.config.applies(a):
		if meta, ok := p.known[k]; ok {
			a.Index, a.Routing, a.ID = meta.Index, meta.Routing, meta.ID
			p.deleted(k)
		}
	}
}

func (p *plan) written(k MetaKey, m Meta) {
	delete(p.before, k)
	delete(p.after, k)
	if m.isDefault() {
		if _, ok := p.known[k]; ok {
			p.gone[k] = true
		}
		delete(p.known, k)
		return
	}
	delete(p.gone, k)
	p.known[k] = m
	if p.used[k] {
		p.after[k] = m
	} else {
		p.before[k] = m
	}
}

func (p *plan) deleted(k MetaKey) {
	delete(p.known, k)
	delete(p.before, k)
	delete(p.after, k)
	p.used[k], p.gone[k] = true, true
}

// finish brings the store up to date with what has been written. The place of a refused delete is kept.
func (s *Stateful) finish(ctx context.Context, p *plan, actions []goatee.Action, batch *goatee.BatchError) error {
	if batch != nil {
		for _, f := range batch.Failed {
			if k, ok := s.key(f.Action); ok {
				delete(p.gone, k)
			}
		}
	}
	if err := s.put(ctx, p.after); err != nil {
		return err
	}
	if len(p.gone) > 0 {
		keys := make([]MetaKey, 0, len(p.gone))
		for k := range p.gone {
			keys = append(keys, k)
		}
		if err := s.try(ctx, func() error { return s.store.Remove(ctx, keys) }); err != nil {
			return err
		}
	}
	return s.forgetDropped(ctx, actions)
}

func (s *Stateful) forgetDropped(ctx context.Context, actions []goatee.Action) error {
	for i := range actions {
		if actions[i].Kind != goatee.ActionDrop || actions[i].Change == nil {
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

func (s *Stateful) key(a *goatee.Action) (MetaKey, bool) {
	if a.Change == nil {
		return MetaKey{}, false
	}
	id, err := s.bulk.ID(a.Change)
	return MetaKey{Namespace: a.Change.Namespace, ID: id}, err == nil && id != ""
}

// try repeats f until it succeeds or ctx ends.
func (s *Stateful) try(ctx context.Context, f func() error) error {
	r := run{health: &s.health}
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
