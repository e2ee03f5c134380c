package sink

import (
	"bytes"
	"compress/gzip"
	"context"

	"github.com/goatee-sync/goatee"
)

const (
	// keepBuffer is the largest buffer that is kept for the next write.
	keepBuffer = 4 << 20
	// keepWrites is how many writes are kept with their buffers.
	keepWrites = 16
	// actionRoom is about how long an action line is.
	actionRoom = 160
)

// write is one call of Bulk.Write. It owns the buffers and is used again for the next call.
type write struct {
	bulk    *Bulk
	encoder encoder

	actions []goatee.Action
	failed  []*goatee.ActionError
	tally   tally

	body    []byte // of encoded actions
	lines   []line
	payload *payload // who reads body and zipped
	answer  []byte
	zipper  *gzip.Writer
	zipped  bytes.Buffer
	items   []item
}

func newWrite(b *Bulk) *write {
	return &write{
		bulk:    b,
		encoder: encoder{json: b.config.json, idForm: b.config.idForm, targets: &b.targets},
		payload: new(payload),
	}
}

// release gives the buffers back. One that an HTTP transport may still be reading, or that a rare large document has
// blown up, is left to the garbage collector.
func (w *write) release() {
	w.actions, w.failed, w.tally = nil, nil, tally{}
	w.lines = w.lines[:0]
	if !w.payload.idle() {
		return
	}
	keep := max(keepBuffer, 2*w.bulk.config.maxBytes)
	if cap(w.body) > keep {
		w.body = nil
	}
	if cap(w.answer) > keep {
		w.answer = nil
	}
	if w.zipped.Cap() > keep {
		w.zipped = bytes.Buffer{}
	}
	clear(w.items)
	select {
	case w.bulk.writes <- w:
	default:
	}
}

// run writes actions in their order, in as many requests as the limits ask for.
func (w *write) run(ctx context.Context, actions []goatee.Action) error {
	w.actions = actions
	w.reserve()
	for i := range actions {
		if err := w.add(ctx, i); err != nil {
			return err
		}
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if len(w.failed) > 0 {
		return &goatee.BatchError{Failed: w.failed}
	}
	return nil
}

// reserve makes room for the body at once; it may yet grow.
func (w *write) reserve() {
	w.body = w.body[:0]
	room := len(w.actions) * actionRoom
	for i := range w.actions {
		room += jsonRoom(w.actions[i].Body().Len())
	}
	if room = min(room, w.bulk.config.maxBytes); cap(w.body) < room {
		w.body = make([]byte, 0, room+room/8)
	}
	if cap(w.lines) < len(w.actions) {
		w.lines = make([]line, 0, len(w.actions)+len(w.actions)/8)
	}
}

// add encodes an action, and sends what is before it when both together would be too much.
func (w *write) add(ctx context.Context, i int) error {
	a := &w.actions[i]
	if a.Change == nil {
		w.refuse(&goatee.ActionError{Action: a, Err: errNoChange})
		return nil
	}
	if a.Kind == goatee.ActionDrop {
		if err := w.flush(ctx); err != nil {
			return err
		}
		return w.drop(ctx, a)
	}
	body, l, err := w.encoder.append(w.body, a)
	if err != nil {
		w.refuse(&goatee.ActionError{Action: a, Err: err})
		return nil
	}
	w.body = body
	if len(w.lines) > 0 && w.full() {
		tail := body[l.start:]
		if err := w.flush(ctx); err != nil {
			return err
		}
		w.body = append(w.body, tail...)
		l.start, l.end = 0, len(w.body)
	}
	l.action = i
	w.lines = append(w.lines, l)
	return nil
}

// full reports whether the last action in the body belongs into the next request.
func (w *write) full() bool {
	most := w.bulk.config.maxActions
	return int64(len(w.body)) > w.bulk.limit.Load() || most > 0 && len(w.lines) >= most
}

// flush sends the encoded actions and returns when each is settled.
func (w *write) flush(ctx context.Context) error {
	if len(w.lines) == 0 {
		w.body = w.body[:0]
		return nil
	}
	r := run{health: &w.bulk.health}
	defer r.end()
	if err := w.send(ctx, &r, 0, len(w.lines)); err != nil {
		return err
	}
	w.bulk.counters.add(w.tally)
	w.tally = tally{}
	w.lines = w.lines[:0]
	if w.payload.idle() {
		w.body = w.body[:0]
	} else {
		w.body = nil
		w.abandon()
	}
	return nil
}

// abandon leaves what has been sent to those who still read it.
func (w *write) abandon() { w.payload, w.zipped = new(payload), bytes.Buffer{} }

// refuse reports an action that is refused for good.
func (w *write) refuse(e *goatee.ActionError) {
	if e.Action.Change != nil {
		e.Index = e.Action.Index
		if e.Index == "" {
			e.Index = defaultIndex(e.Action.Change.Namespace)
		}
		if id, err := w.encoder.idText(e.Action); err == nil {
			e.ID = string(id)
		}
	}
	w.failed = append(w.failed, e)
	w.bulk.counters.refused.Add(1)
}
