package sink

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee"
)

// minByteLimit is how far answers of 413 make request bodies smaller.
const minByteLimit = 64 << 10

// byteLimit is the size of request bodies: what is configured, or less once a server has refused that with 413.
type byteLimit struct{ atomic.Int64 }

func (l *byteLimit) refused(size int) (lowered bool) {
	limit := l.Load()
	half := int64(max(size/2, minByteLimit))
	return half < limit && l.CompareAndSwap(limit, half)
}

// send sends lines lo to hi until each of them is settled.
func (w *write) send(ctx context.Context, r *run, lo, hi int) error {
	var problem error
	for {
		if err := w.bulk.limiter.acquire(ctx); err != nil {
			return given(err, problem)
		}
		res, err := w.post(ctx, lo, hi)
		var v verdict
		v, problem = requestVerdict(res, err)
		if v == perItem {
			var left int
			if left, problem = w.settle(lo, hi, res); left == 0 {
				v = allDone
			}
			hi = lo + left
		} else if v == allDone {
			w.acknowledge(lo, hi)
		}
		busy := v == perItem || v == unknown && res.status == http.StatusTooManyRequests
		w.bulk.limiter.release(busy)
		switch v {
		case allDone:
			r.worked()
			return nil
		case split:
			r.worked()
			return w.split(ctx, r, lo, hi, res.status, problem)
		}
		if err := w.bulk.pause(ctx, r, res.retryAfter, problem, busy); err != nil {
			return err
		}
	}
}

// split sends the halves of a request that was refused whole, down to the action that is to blame.
func (w *write) split(ctx context.Context, r *run, lo, hi, status int, problem error) error {
	size := w.lines[hi-1].end - w.lines[lo].start
	if hi-lo == 1 {
		w.refuse(w.blame(w.lines[lo], size, status, problem))
		return nil
	}
	if status != http.StatusBadRequest && w.bulk.limit.refused(size) {
		w.bulk.config.logger.Warn("elasticsearch refuses bulk requests of this size; sending smaller ones", "bytes", size)
	}
	w.bulk.counters.retries.Add(1)
	middle := lo + (hi-lo)/2
	if err := w.send(ctx, r, lo, middle); err != nil {
		return err
	}
	return w.send(ctx, r, middle, hi)
}

func (w *write) blame(l line, size, status int, problem error) *goatee.ActionError {
	switch status {
	case http.StatusRequestEntityTooLarge:
		problem = fmt.Errorf("the document alone makes a request of %d bytes, more than Elasticsearch "+
			"(http.max_content_length) or a proxy before it takes: %w", size, problem)
	case http.StatusTooManyRequests:
		problem = fmt.Errorf("the document alone makes a request of %d bytes, more than Elasticsearch ever admits "+
			"(indexing_pressure.memory.limit, a tenth of its heap by default): %w", size, problem)
	}
	return &goatee.ActionError{Action: &w.actions[l.action], Status: status, Err: problem}
}

// acknowledge counts lines as durable.
func (w *write) acknowledge(lo, hi int) {
	for _, l := range w.lines[lo:hi] {
		w.tally[w.actions[l.action].Kind]++
	}
}

// post makes one attempt.
func (w *write) post(ctx context.Context, lo, hi int) (reply, error) {
	b := w.bulk
	ctx, cancel := context.WithTimeoutCause(ctx, b.config.requestTimeout,
		fmt.Errorf("no answer within %v", b.config.requestTimeout))
	defer cancel()

	data := w.body[w.lines[lo].start:w.lines[hi-1].end]
	b.counters.requests.Add(1)
	b.counters.bytes.Add(int64(len(data)))
	if b.config.gzip {
		zipped, err := w.zip(data)
		if err != nil {
			return reply{}, err
		}
		data = zipped
	}
	res, err := do(b.client, w.payload.request(ctx, b.url, data, b.config.gzip), w.answer)
	w.answer = res.body
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return res, err
}

func (w *write) zip(data []byte) ([]byte, error) {
	if w.zipper == nil {
		zw, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			return nil, err
		}
		w.zipper = zw
	}
	if !w.payload.idle() {
		w.abandon()
	}
	return deflate(w.zipper, &w.zipped, data)
}

// item is an answer about one action. Those of actions that are done hold nothing else.
type item struct {
	outcome      outcome
	status       int
	kind, reason string
}

// settle takes the items of a reply, counts and reports what is settled, and moves what is to be sent again to the
// front. It returns how many lines that is, from lo on, and why. A reply that does not fit the request settles nothing.
func (w *write) settle(lo, hi int, res reply) (left int, problem error) {
	if !w.parse(lo, hi, res.body) {
		return hi - lo, notBulk(res)
	}
	again := map[string]bool{} // identities that are to be sent again
	for i, it := range w.items {
		l := w.lines[lo+i]
		if it.outcome == doubtful {
			if l.doubts++; l.doubts >= maxDoubtful {
				it.outcome = refused
			}
		}
		key := w.identity(l)
		switch {
		case it.outcome == refused:
			w.refuse(&goatee.ActionError{
				Action: &w.actions[l.action], Status: it.status, Type: it.kind, Reason: it.reason,
			})
		case it.outcome == transient || it.outcome == doubtful:
			again[string(key)] = true
			if problem == nil {
				problem = fmt.Errorf("status %d: %s: %s", it.status, it.kind, it.reason)
			}
			left = w.keep(lo, left, l)
		case again[string(key)]:
			// What came before it will come after it now: send it once more, so that it stays the last word.
			left = w.keep(lo, left, l)
		case it.outcome == superseded:
			w.bulk.counters.superseded.Add(1)
		default:
			w.tally[w.actions[l.action].Kind]++
		}
	}
	return left, problem
}

// identity returns the index, id and routing of a line as they were sent. The bytes are good until a line moves there.
func (w *write) identity(l line) []byte { return w.body[l.start+l.keyFrom : l.start+l.keyTo] }

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
		it.kind = result.Get("error.type").String()
		it.outcome = itemOutcome(a, it.status, it.kind)
		if it.outcome > superseded {
			it.reason = result.Get("error.reason").String()
			if cause := result.Get("error.caused_by.reason"); cause.Exists() {
				it.reason += ": " + cause.String()
			}
		}
		if it.outcome == refused && isMappingRace(it.kind, it.reason) {
			it.outcome = doubtful
		}
		return false
	})
	return it, it.status != 0
}
