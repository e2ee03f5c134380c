package sink

import (
	"bytes"
	"fmt"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee"
)

// item is an answer about one action. Those of actions that are done hold nothing else.
type item struct {
	outcome         outcome
	status          int
	errType, reason string
}

// settle takes the items of a reply, counts and reports what is settled, and moves what is to be sent again to the
// front. A reply that does not fit the request settles nothing.
func (w *write) settle(lo, hi int, res reply, attempts int) remainder {
	if !w.parse(lo, hi, res.body) {
		return remainder{lines: hi - lo, wait: true, problem: notBulk(res)}
	}
	var rest remainder
	again := map[string]bool{} // identities that are to be sent again
	for i, it := range w.items {
		l := w.lines[lo+i]
		key := w.identity(l)
		switch {
		case it.outcome == transient || it.outcome.retried() && !l.retried:
			again[string(key)] = true
			rest.note(it)
			l.retried = l.retried || it.outcome.retried()
			rest.lines = w.keep(lo, rest.lines, l)
		case it.outcome > superseded:
			w.report(l, it, attempts)
		case again[string(key)]:
			// What came before it will come after it now: send it once more, so that its effect is the last.
			rest.lines = w.keep(lo, rest.lines, l)
		case it.outcome == superseded:
			w.bulk.counters.superseded.Add(1)
		default:
			w.written(l, attempts)
		}
	}
	return rest
}

// note takes down why an item is to be sent again.
func (r *remainder) note(it item) {
	if it.outcome != transient {
		return
	}
	busy := isBusy(it.status, it.errType)
	if !r.wait {
		r.problem = fmt.Errorf("status %d: %s: %s", it.status, it.errType, it.reason)
		r.busy = busy
	}
	r.wait, r.busy = true, r.busy && busy
}

// report reports an action that is not durable.
func (w *write) report(l line, it item, attempts int) {
	class := it.outcome.class()
	if class != goatee.ClassRefused {
		if w.behind == nil {
			w.behind = map[string]goatee.ActionClass{}
		}
		w.behind[string(w.identity(l))] = class
	}
	e := w.fail(l.action, class)
	e.Status, e.Type, e.Reason, e.Attempts = it.status, it.errType, it.reason, attempts
}

// identity returns the index, id and routing of a line as they were sent. The bytes are good until a line moves there.
func (w *write) identity(l line) []byte {
	return w.body[l.start+l.identity.From : l.start+l.identity.To]
}

// keep moves a line behind the n lines from lo on that are to be sent again.
func (w *write) keep(lo, n int, l line) int {
	if n == 0 && !w.payload.idle() {
		w.body = bytes.Clone(w.body)
		w.abandon()
	}
	start := w.lines[lo].start
	if n > 0 {
		start = w.lines[lo+n-1].end
	}
	size := copy(w.body[start:], w.body[l.start:l.end])
	l.start, l.end = start, start+size
	w.lines[lo+n] = l
	return n + 1
}

// parse reads the outcome of each line into w.items and reports whether there was one for each.
func (w *write) parse(lo, hi int, body []byte) bool {
	w.items = w.items[:0]
	if !gjson.ValidBytes(body) {
		return false
	}
	gjson.GetBytes(body, "items").ForEach(func(_, entry gjson.Result) bool {
		if len(w.items) == hi-lo {
			w.items = append(w.items, item{}) // one too many
			return false
		}
		a := &w.actions[w.lines[lo+len(w.items)].action]
		it, ok := parseItem(a, entry)
		w.items = append(w.items, it)
		return ok
	})
	return len(w.items) == hi-lo && (len(w.items) == 0 || w.items[len(w.items)-1].status != 0)
}

func parseItem(a *goatee.Action, entry gjson.Result) (it item, ok bool) {
	entry.ForEach(func(_, result gjson.Result) bool {
		it.status = int(result.Get("status").Int())
		errType, reason := result.Get("error.type").String(), result.Get("error.reason").String()
		it.outcome = itemOutcome(a, it.status, errType, reason)
		if it.outcome > superseded {
			if cause := result.Get("error.caused_by.reason"); cause.Exists() {
				reason += ": " + cause.String()
			}
			it.errType, it.reason = errType, reason
		}
		return false
	})
	return it, it.status != 0
}
