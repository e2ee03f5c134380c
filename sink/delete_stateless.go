package sink

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

// Stateless is the delete strategy that searches Elasticsearch for documents whose index or routing a transformer has
// chosen: many deletes by one search, after a refresh, so that what was just written is found. A document that is found
// once is deleted where it is. One that is not found is deleted at its default place. One that is found in several
// indices is not deleted: the action is refused with their names. WithCleanMoves removes the copies that documents leave
// behind when they move, and on a delete all there are.
//
// A document written under another id than its own is not found; Stateful knows where it is.
type Stateless struct {
	next   goatee.Sink
	bulk   *Bulk
	config deleteConfig
}

var _ goatee.Sink = (*Stateless)(nil)

// NewStateless returns a sink that hands on to next, which is bulk or wraps it. It searches by bulk's client.
func NewStateless(bulk *Bulk, next goatee.Sink, opts ...DeleteOption) (*Stateless, error) {
	if bulk == nil || next == nil {
		return nil, misuse("NewStateless", "bulk or next is nil", "give both")
	}
	c, err := newDeleteConfig(opts)
	if err != nil {
		return nil, err
	}
	if c.cleanMoves && c.pattern == "" {
		return nil, misuse("WithCleanMoves", "sink.WithIndexPattern is missing", "name the indices of the routed namespaces by it")
	}
	if c.pattern == "" {
		c.pattern = "*"
	}
	return &Stateless{next, bulk, c}, nil
}

// Unwrap returns the next sink.
func (s *Stateless) Unwrap() goatee.Sink { return s.next }

// Write looks up what is to be deleted and writes actions.
func (s *Stateless) Write(ctx context.Context, actions []goatee.Action) error {
	if s.config.cleanMoves {
		return s.writeClean(ctx, actions)
	}
	l := lookup{config: &s.config, encoder: bulk.NewEncoder(s.bulk.config.format, &s.bulk.targets), rewrite: NewRewrite(actions)}
	ids := l.wanted(actions)
	if len(ids) == 0 {
		return s.next.Write(ctx, actions)
	}
	found, err := s.find(ctx, ids)
	if err != nil {
		return err
	}
	l.found = found
	for i := range actions {
		l.resolve(i, &actions[i])
	}
	return l.rewrite.Write(ctx, s.next)
}

// writeClean looks up all documents of a batch and removes the copies that they leave behind.
func (s *Stateless) writeClean(ctx context.Context, actions []goatee.Action) error {
	m := newMoves(s.bulk, actions, s.config.applies)
	if len(m.docs) == 0 {
		return s.next.Write(ctx, actions)
	}
	m.versionedOnly = true // a hit may be, under its own name, the index that the document is written to by an alias
	ids := make([]string, 0, len(m.docs))
	for k := range m.docs {
		ids = append(ids, k.ID)
	}
	slices.Sort(ids)
	found, err := s.find(ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	for k, d := range m.docs {
		d.known, d.places = true, nil
		for _, hit := range found[k.ID] {
			t := goatee.Target{Index: hit.index, ID: k.ID, Routing: hit.routing}
			d.places = append(d.places, t)
			d.copies = append(d.copies, copyAt{target: t})
			d.since = max(d.since, hit.version)
		}
	}
	m.plan()
	return m.write(ctx, s.next)
}

// place is where a document is, and its version there.
type place struct {
	index, routing string
	version        int64
}

// places holds where the documents to be deleted are, by id: all of them are keys.
type places map[string][]place

// lookup leads the deletes of a batch to where the documents are.
type lookup struct {
	config  *deleteConfig
	encoder *bulk.Encoder
	found   places // where documents are when the actions so far have been applied
	rewrite *Rewrite
}

// applies reports whether the place of what an action deletes is to be looked up.
func (l *lookup) applies(a *goatee.Action) bool {
	return isPlainDelete(a) && l.config.applies(a.Change.Namespace)
}

// id returns the default id of a change's document; empty when it has none that Elasticsearch takes.
func (l *lookup) id(c *goatee.Change) string {
	id, err := l.encoder.ID(&goatee.Action{Change: c})
	if err != nil {
		return ""
	}
	return string(id)
}

// wanted returns the ids of the deletes to look up, without duplicates.
func (l *lookup) wanted(actions []goatee.Action) []string {
	var ids []string
	seen := map[string]bool{}
	for i := range actions {
		if !l.applies(&actions[i]) {
			continue
		}
		id := l.id(actions[i].Change)
		if id == "" || seen[id] {
			continue // the next sink knows what to do with it
		}
		seen[id] = true
		ids = append(ids, id)
	}
	return ids
}

// resolve hands on action i, a delete with the place of its document.
func (l *lookup) resolve(i int, a *goatee.Action) {
	if a.Change == nil || a.Kind == goatee.ActionDrop {
		l.rewrite.Keep(i)
		return
	}
	id := l.id(a.Change)
	candidates, known := l.found[id]
	switch {
	case !known:
		l.rewrite.Keep(i)
	case !l.applies(a):
		l.track(a, id)
		l.rewrite.Keep(i)
	default:
		if candidates = preferred(candidates, a.Index); len(candidates) > 1 {
			e := goatee.NewActionError(i, a)
			e.Target, e.Err = goatee.Target{Index: l.config.pattern, ID: id}, several(candidates)
			l.rewrite.Fail(e)
			return
		}
		d := l.rewrite.Keep(i)
		if len(candidates) == 1 {
			d.Index, d.Routing = candidates[0].index, candidates[0].routing
			l.forget(id, candidates[0])
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
func (l *lookup) track(a *goatee.Action, id string) {
	if a.ID != "" && a.ID != id {
		return
	}
	at := place{index: a.Index, routing: a.Routing}
	if at.index == "" {
		at.index = bulk.DefaultIndex(a.Change.Namespace)
	}
	l.forget(id, at)
	if a.Kind != goatee.ActionDelete {
		l.found[id] = append(l.found[id], at)
	}
}

func (l *lookup) forget(id string, at place) {
	l.found[id] = slices.DeleteFunc(l.found[id], func(p place) bool { return p.index == at.index && p.routing == at.routing })
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
	return fmt.Errorf("found in %d places: %s; restrict the pattern of sink.WithIndexPattern",
		len(names), strings.Join(names, ", "))
}
