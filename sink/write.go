package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bulk"
)

const (
	// keepBuffer is the largest buffer that is kept for the next write.
	keepBuffer = 4 << 20
	// keepWrites is how many writes are kept with their buffers.
	keepWrites = 16
	// actionRoom is about how long an action line is.
	actionRoom = 160
)

// line is an encoded action: bytes start to end of the body.
type line struct {
	action     int // its place among the actions of the write
	start, end int
	identity   bulk.Identity // what order matters for
	retried    bool          // it has had the one more attempt that its answer asked for
}

// write is one call of Bulk.Write. It owns the buffers and is used again for the next call.
type write struct {
	bulk    *Bulk
	encoder *bulk.Encoder

	actions []goatee.Action
	failed  []*goatee.ActionError
	tally   tally
	// behind holds the identities of documents of which an action is to be written again later, and its class.
	behind map[string]goatee.ActionClass

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
		encoder: bulk.NewEncoder(b.config.format, &b.targets),
		payload: new(payload),
	}
}

// release gives the buffers back. One that an HTTP transport may still be reading, or that a rare large document has
// blown up, is left to the garbage collector.
func (w *write) release() {
	w.actions, w.failed, w.tally, w.behind = nil, nil, tally{}, nil
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
		room += bulk.JSONRoom(bodyLen(&w.actions[i]))
	}
	if room = min(room, w.bulk.config.maxBytes); cap(w.body) < room {
		w.body = make([]byte, 0, room+room/8)
	}
	if cap(w.lines) < len(w.actions) {
		w.lines = make([]line, 0, len(w.actions)+len(w.actions)/8)
	}
}

// bodyLen returns the size of an action's document in BSON, 0 where that is not known.
func bodyLen(a *goatee.Action) int {
	if a.Document.IsZero() && a.Change != nil {
		return a.Change.Document.Len()
	}
	return a.Document.Len()
}

// add encodes an action, and sends what is before it when both together would be too much.
func (w *write) add(ctx context.Context, i int) error {
	a := &w.actions[i]
	if a.Kind == goatee.ActionDrop {
		if err := w.flush(ctx); err != nil {
			return err
		}
		return w.drop(ctx, i)
	}
	start := len(w.body)
	body, identity, err := w.encoder.Append(w.body, a)
	if err != nil {
		if a.Kind != goatee.ActionDelete || !errors.Is(err, bulk.ErrNoSuchPlace) {
			w.fail(i, goatee.ClassRefused).Err = err
		}
		return nil // a document that Elasticsearch could never take needs no deleting
	}
	l := line{action: i, start: start, end: len(body), identity: identity}
	w.body = body
	if len(w.lines) > 0 && w.full() {
		tail := body[l.start:]
		if err := w.flush(ctx); err != nil {
			return err
		}
		w.body = append(w.body, tail...)
		l.start, l.end = 0, len(w.body)
	}
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
	r := run{health: w.bulk.health}
	defer r.end()
	if err := w.send(ctx, &r, 0, len(w.lines), 0); err != nil {
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

// abandon leaves the buffers to the transport that still reads them.
func (w *write) abandon() { w.payload, w.zipped = new(payload), bytes.Buffer{} }

// fail reports that an action is not durable. The caller fills in the reason.
func (w *write) fail(i int, class goatee.ActionClass) *goatee.ActionError {
	a := &w.actions[i]
	e := goatee.NewActionError(i, a)
	e.Class = class
	e.Target, _ = w.encoder.Target(a) // as much of it as there is
	w.failed = append(w.failed, e)
	if class == goatee.ClassRefused {
		w.bulk.counters.refused.Add(1)
	}
	return e
}
