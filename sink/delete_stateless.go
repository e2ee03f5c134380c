package sink

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goatee-sync/goatee"
)

// Stateless is the delete strategy that searches Elasticsearch for documents whose index or routing a transformer has
// chosen: many deletes by one search, after a refresh, so that what was just written is found. A document that is found
// once is deleted where it is. One that is not found is deleted at its default place. One that is found in several
// indices is not deleted: the action is refused with their names.
//
// A document written under another id than its own is not found; Stateful knows where it is.
type Stateless struct {
	decorator
	bulk   *Bulk
	config deleteConfig
}

var (
	_ goatee.Sink         = (*Stateless)(nil)
	_ goatee.Checker      = (*Stateless)(nil)
	_ goatee.SinkReporter = (*Stateless)(nil)
)

// NewStateless returns a sink that hands on to next, which is bulk or wraps it. It searches by bulk's client.
func NewStateless(bulk *Bulk, next goatee.Sink, opts ...DeleteOption) (*Stateless, error) {
	if bulk == nil || next == nil {
		return nil, errors.New("sink.NewStateless: bulk or next is nil")
	}
	c, err := newDeleteConfig(opts)
	if err != nil {
		return nil, err
	}
	if c.pattern == "" {
		c.pattern = "*"
	}
	return &Stateless{decorator{next}, bulk, c}, nil
}

// place is where a document is.
type place struct{ index, routing string }

// places holds where the documents to be deleted are, by id: all of them are keys.
type places map[string][]place

// Write looks up what is to be deleted and writes actions.
func (s *Stateless) Write(ctx context.Context, actions []goatee.Action) error {
	ids := s.wanted(actions)
	if len(ids) == 0 {
		return s.next.Write(ctx, actions)
	}
	found, err := s.find(ctx, ids)
	if err != nil {
		return err
	}
	r := newRewritten(actions)
	for i := range actions {
		s.resolve(r, i, found)
	}
	return r.write(ctx, s.next)
}

// wanted returns the ids of the deletes to look up, without duplicates.
func (s *Stateless) wanted(actions []goatee.Action) []string {
	var ids []string
	seen := map[string]bool{}
	for i := range actions {
		if !s.config.applies(&actions[i]) {
			continue
		}
		id, err := s.bulk.ID(actions[i].Change)
		if err != nil || id == "" || seen[id] {
			continue // the next sink refuses what has no id
		}
		seen[id] = true
		ids = append(ids, id)
	}
	return ids
}

// resolve hands on action i, a delete with the place of its document. found holds where documents are when the actions
// before i have been applied.
func (s *Stateless) resolve(r *rewritten, i int, found places) {
	a := &r.original[i]
	if a.Change == nil || a.Kind == goatee.ActionDrop {
		r.add(i)
		return
	}
	id, err := s.bulk.ID(a.Change)
	candidates, known := found[id]
	switch {
	case err != nil || !known:
		r.add(i)
	case !s.config.applies(a):
		found.track(a, id)
		r.add(i)
	default:
		if candidates = preferred(candidates, a.Index); len(candidates) > 1 {
			r.refuse(i, s.config.pattern, id, several(candidates))
			return
		}
		d := r.add(i)
		if len(candidates) == 1 {
			d.Index, d.Routing = candidates[0].index, candidates[0].routing
			found.forget(id, candidates[0])
		}
	}
}

// preferred returns the place in the index that a mapping has set on the delete, if there is one; it can be an alias.
func preferred(all []place, index string) []place {
	var in []place
	for _, p := range all {
		if p.index == index {
			in = append(in, p)
		}
	}
	if len(in) == 1 {
		return in
	}
	return all
}

// track notes what an action will have done before later deletes of the same batch.
func (f places) track(a *goatee.Action, id string) {
	if a.ID != "" && a.ID != id {
		return
	}
	at := place{a.Index, a.Routing}
	if at.index == "" {
		at.index = defaultIndex(a.Change.Namespace)
	}
	switch {
	case a.Kind == goatee.ActionDelete:
		f.forget(id, at)
	case !slices.Contains(f[id], at):
		f[id] = append(f[id], at)
	}
}

func (f places) forget(id string, at place) {
	f[id] = slices.DeleteFunc(f[id], func(p place) bool { return p == at })
}

func several(all []place) error {
	var names []string
	for _, p := range all {
		name := p.index
		if p.routing != "" {
			name += " (routing " + p.routing + ")"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return fmt.Errorf("found in %d places: %s; restrict the pattern (delete-index-pattern, sink.WithIndexPattern)",
		len(names), strings.Join(names, ", "))
}
