package sink

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"

	"github.com/tidwall/gjson"
)

// verdict is what to do about the answer to a whole request.
type verdict uint8

const (
	// allDone: every action is durable.
	allDone verdict = iota
	// perItem: the items say.
	perItem
	// split: some action makes the whole request unacceptable.
	split
	// unknown: send it again later. Versions make it harmless that it may have been done already.
	unknown
)

// requestVerdict classifies the answer to a bulk request. Unless the request succeeded it returns what is wrong.
func requestVerdict(r reply, err error) (verdict, error) {
	switch {
	case err != nil:
		// Refused, reset, timed out, cut in the middle of the answer: what was done is unknown.
		return unknown, err
	case r.status >= 200 && r.status < 300:
		return bulkVerdict(r)
	case r.status == http.StatusRequestEntityTooLarge:
		// Elasticsearch or a proxy before it: less at a time may pass, and one action that alone is too large never will.
		return split, requestError(r)
	case r.status == http.StatusBadRequest && inElasticsearchsWords(r):
		// Elasticsearch has parsed the request and refused all of it for one action. A 400 that is not in its words is a
		// proxy's, says nothing about the actions, and is unknown.
		return split, requestError(r)
	case r.status == http.StatusTooManyRequests && exceedsPressureLimit(r.body):
		// It is not that too much is under way: this request alone is more than Elasticsearch ever admits.
		return split, requestError(r)
	default:
		// 429 and 5xx pass. 401 and 403 at run time are an expired key or a changed role, 404, 405 and 3xx a wrong route:
		// an operator can mend them, and what no document is to blame for must not become a dead letter. Check fails with
		// them before anything is read.
		return unknown, requestError(r)
	}
}

// pressure finds the sizes in the reason of a request that indexing pressure rejects (Elasticsearch 7.9 and newer):
// those of the request and of the limit, a tenth of the heap by default.
var pressure = regexp.MustCompile(`coordinating_operation_bytes=(\d+), max_coordinating_and_primary_bytes=(\d+)`)

// exceedsPressureLimit reports whether a request was rejected because it is larger than the limit by itself.
func exceedsPressureLimit(body []byte) bool {
	sizes := pressure.FindSubmatch(body)
	if sizes == nil {
		return false
	}
	size, err := strconv.ParseInt(string(sizes[1]), 10, 64)
	if err != nil {
		return false
	}
	limit, err := strconv.ParseInt(string(sizes[2]), 10, 64)
	return err == nil && size > limit
}

var (
	errorsFalse = []byte(`"errors":false`)
	errorsTrue  = []byte(`"errors":true`)
)

// bulkVerdict looks at the head of a reply only: Elasticsearch writes errors before the items.
func bulkVerdict(r reply) (verdict, error) {
	body := bytes.TrimSpace(r.body)
	head := body[:min(len(body), 256)]
	if len(body) == 0 || body[0] != '{' || body[len(body)-1] != '}' {
		return unknown, notBulk(r)
	}
	switch {
	case bytes.Contains(head, errorsFalse):
		return allDone, nil
	case bytes.Contains(head, errorsTrue):
		return perItem, nil
	}
	flag := gjson.GetBytes(body, "errors")
	switch {
	case !gjson.ValidBytes(body) || !flag.IsBool():
		return unknown, notBulk(r)
	case flag.Bool():
		return perItem, nil
	}
	return allDone, nil
}

var errNotBulk = errors.New("the answer is not a bulk reply; is something other than Elasticsearch at this address?")

func notBulk(r reply) error {
	return fmt.Errorf("status %d: %w: %s", r.status, errNotBulk, excerpt(r.body))
}

// requestError words an answer that is no success.
func requestError(r reply) error {
	typ, reason := gjson.GetBytes(r.body, "error.type"), gjson.GetBytes(r.body, "error.reason")
	if !typ.Exists() {
		return fmt.Errorf("status %d: %s", r.status, excerpt(r.body))
	}
	return fmt.Errorf("status %d: %s: %s", r.status, typ, reason)
}

func excerpt(body []byte) string {
	if len(body) == 0 {
		return "no text"
	}
	return fmt.Sprintf("%.200q", body)
}

// settled reports whether the answer to a request that is not a bulk is final. Everything else passes, or is the
// operator's to mend.
func settled(r reply) bool {
	return r.status < 300 || r.status == http.StatusNotFound || r.status == http.StatusBadRequest && inElasticsearchsWords(r)
}

// settledOrForbidden is settled for requests that somebody can do without: a 403 is final, too.
func settledOrForbidden(r reply) bool {
	return settled(r) || r.status == http.StatusForbidden && inElasticsearchsWords(r)
}

// inElasticsearchsWords reports whether an error comes from Elasticsearch itself and not from a proxy before it.
func inElasticsearchsWords(r reply) bool { return gjson.GetBytes(r.body, "error.type").Exists() }
