package transform

import (
	"context"
	"slices"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
)

// edit changes a document in one of its two forms.
type edit interface {
	// appendTo appends the edited src to dst. changed is false when the result equals src.
	appendTo(dst, src []byte) (out []byte, changed bool, err error)
	// editMap changes a decoded document in place.
	editMap(m bson.M) error
	// growth is by how many bytes the edit can usually make a document longer.
	growth() int
}

// rawEdit applies edits to the documents of actions without decoding them. New bytes come from one allocation per
// batch, which lives as long as any of its documents: until they are written.
type rawEdit struct {
	edits []edit
	grow  int
	err   error
}

func newRawEdit(err error, e edit) goatee.Transformer {
	if err != nil {
		return &rawEdit{err: err}
	}
	return &rawEdit{edits: []edit{e}, grow: e.growth()}
}

// then returns the two edits as one.
func (r *rawEdit) then(next *rawEdit) *rawEdit {
	both := &rawEdit{edits: slices.Concat(r.edits, next.edits), grow: r.grow + next.grow, err: r.err}
	if both.err == nil {
		both.err = next.err
	}
	return both
}

func (r *rawEdit) step() {}

func (r *rawEdit) LatestOnly() bool { return true }

func (r *rawEdit) Check(context.Context) error { return r.err }

func (r *rawEdit) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	return transformOne(ctx, r, c, actions)
}

func (r *rawEdit) TransformBatch(_ context.Context, items []goatee.Item) error {
	if r.err != nil {
		return r.err
	}
	w := editor{slab: slab{items: items, grow: r.grow}, edits: r.edits}
	for i := range items {
		it := &items[i]
		if !hasWork(it) {
			continue
		}
		for j := range it.Actions {
			if err := w.action(&it.Actions[j]); err != nil {
				it.Err = err
				break
			}
		}
	}
	return nil
}

// editor applies edits to the actions of one batch.
type editor struct {
	slab  slab
	edits []edit
	spare [2][]byte // results between the first edit and the last
}

func (w *editor) action(a *goatee.Action) error {
	if !writes(a) {
		return nil
	}
	d := *a.Body()
	if d.IsDecoded() {
		m, err := d.Map()
		if err != nil {
			return err
		}
		a.Document = d
		return w.editMap(m)
	}
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	out, changed, err := w.rewrite(raw)
	if err != nil || !changed {
		return err
	}
	a.Document = goatee.NewDocument(out)
	return nil
}

func (w *editor) editMap(m bson.M) error {
	for _, e := range w.edits {
		if err := e.editMap(m); err != nil {
			return err
		}
	}
	return nil
}

// rewrite applies the edits, all but the last into spare buffers.
func (w *editor) rewrite(src []byte) (out []byte, changed bool, err error) {
	last := len(w.edits) - 1
	free := 0 // the spare buffer that does not hold src
	for _, e := range w.edits[:last] {
		spare := &w.spare[free]
		var edited bool
		*spare, edited, err = e.appendTo((*spare)[:0], src)
		if err != nil {
			return nil, false, err
		}
		if edited {
			src, changed, free = *spare, true, 1-free
		}
	}
	out, edited, err := w.edits[last].appendTo(w.slab.room(len(src)+w.edits[last].growth()), src)
	if err != nil || !edited && !changed {
		return nil, false, err
	}
	w.slab.keep(out)
	return out, true, nil
}

// slab hands out bytes for the edited documents of one batch, from one allocation if what it expects is enough.
type slab struct {
	items []goatee.Item
	grow  int
	buf   []byte
}

// room returns an empty slice with a capacity of n or more, to append one document to.
func (s *slab) room(n int) []byte {
	if cap(s.buf)-len(s.buf) < n {
		s.buf = make([]byte, 0, max(n, s.expected()))
	}
	return s.buf[len(s.buf):len(s.buf):cap(s.buf)]
}

// expected is how long the documents of the batch will be in all. It counts once: a batch that needs more than that
// gets it document by document.
func (s *slab) expected() (n int) {
	for i := range s.items {
		for j := range s.items[i].Actions {
			if a := &s.items[i].Actions[j]; writes(a) && !a.Body().IsDecoded() {
				n += a.Body().Len() + s.grow
			}
		}
	}
	s.items = nil
	return n
}

// keep reserves what was written into the last room, so that nothing is written over it.
func (s *slab) keep(out []byte) {
	if len(out) <= cap(s.buf)-len(s.buf) {
		s.buf = s.buf[:len(s.buf)+len(out)]
	}
}
