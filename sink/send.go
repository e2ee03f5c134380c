package sink

import (
	"compress/gzip"
	"context"
	"errors"
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

// send sends lines lo to hi, which have been sent as often as attempts says, until each of them is settled.
func (w *write) send(ctx context.Context, r *run, lo, hi, attempts int) error {
	var problem error
	for {
		if err := w.bulk.limiter.acquire(ctx); err != nil {
			return given(err, problem)
		}
		attempts++
		res, err := w.post(ctx, lo, hi)
		var v verdict
		v, problem = requestVerdict(res, err)
		rest := remainder{lines: hi - lo, wait: true, busy: res.status == http.StatusTooManyRequests}
		switch v {
		case allDone:
			w.acknowledge(lo, hi, attempts)
			rest = remainder{}
		case perItem:
			if rest = w.settle(lo, hi, res, attempts); rest.problem != nil {
				problem = rest.problem
			}
		case split, unknown:
		}
		w.bulk.limiter.release(loadOf(v, rest, res))
		switch {
		case v == split:
			r.worked()
			return w.split(ctx, r, lo, hi, attempts, res, problem)
		case rest.lines == 0:
			r.worked()
			return nil
		case rest.wait:
			if err := w.bulk.pause(ctx, r, res.retryAfter, problem, rest.busy); err != nil {
				return err
			}
		default:
			w.bulk.counters.retries.Add(1)
		}
		hi = lo + rest.lines
	}
}

// remainder is what is to be sent again of a request.
type remainder struct {
	lines   int   // how many, from the first on
	wait    bool  // after a pause, because a server is in trouble
	busy    bool  // it is well, and asks for less
	problem error // why
}

// loadOf says what the answer to a bulk request tells about the load of the server. One that never came, or that a
// server in trouble gave, tells nothing.
func loadOf(v verdict, rest remainder, res reply) load {
	switch {
	case rest.busy:
		return busy
	case v == unknown || res.status == 0 || rest.wait && v == perItem:
		return unclear
	default:
		return good
	}
}

// split sends the halves of a request that was refused whole, down to the action that is to blame.
func (w *write) split(ctx context.Context, r *run, lo, hi, attempts int, res reply, problem error) error {
	size := w.lines[hi-1].end - w.lines[lo].start
	if hi-lo == 1 {
		w.blame(w.lines[lo], size, attempts, res, problem)
		return nil
	}
	if res.status != http.StatusBadRequest && w.bulk.limit.refused(size) {
		w.bulk.health.logger.Warn("elasticsearch refuses bulk requests of this size; sending smaller ones", "bytes", size)
	}
	w.bulk.counters.retries.Add(1)
	middle := lo + (hi-lo)/2
	if err := w.send(ctx, r, lo, middle, attempts); err != nil {
		return err
	}
	return w.send(ctx, r, middle, hi, attempts)
}

// blame reports the action that makes a request unacceptable.
func (w *write) blame(l line, size, attempts int, res reply, problem error) {
	var e *goatee.ActionError
	switch res.status {
	case http.StatusRequestEntityTooLarge:
		e = w.fail(l.action, goatee.ClassRefused)
		e.Err = fmt.Errorf("the document alone makes a request of %d bytes, more than Elasticsearch "+
			"(http.max_content_length) or a proxy before it takes: %w", size, problem)
	case http.StatusTooManyRequests:
		e = w.fail(l.action, goatee.ClassRefused)
		e.Err = fmt.Errorf("the document alone makes a request of %d bytes, more than Elasticsearch ever admits "+
			"(indexing_pressure.memory.limit, a tenth of its heap by default): %w", size, problem)
	default:
		errType, reason := errorOf(res.body)
		class := goatee.ClassRefused
		if isBlocked(errType, reason) {
			class = goatee.ClassBlocked
		}
		e = w.fail(l.action, class)
		e.Type, e.Reason = errType, reason
	}
	e.Status, e.Attempts = res.status, attempts
}

// acknowledge counts lines as durable.
func (w *write) acknowledge(lo, hi, attempts int) {
	for _, l := range w.lines[lo:hi] {
		w.written(l, attempts)
	}
}

// errBehind is why an action that has been written is to be written again.
var errBehind = errors.New("to be written again after an earlier action of the same document, which is not durable yet")

// written counts a line as durable. If an earlier action of the same document is to be written again later, an action
// without a version must come after it again.
func (w *write) written(l line, attempts int) {
	a := &w.actions[l.action]
	if w.behind != nil && a.ExternalVersion() == 0 {
		if class, ok := w.behind[string(w.identity(l))]; ok {
			e := w.fail(l.action, class)
			e.Err, e.Attempts = errBehind, attempts
			return
		}
	}
	w.tally[a.Kind]++
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

// errorOf returns the type and the reason of an error answer, empty where there are none.
func errorOf(body []byte) (errType, reason string) {
	return gjson.GetBytes(body, "error.type").String(), gjson.GetBytes(body, "error.reason").String()
}
