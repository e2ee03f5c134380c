package sink

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/goatee-sync/goatee"
)

// outcome is what became of one action.
type outcome uint8

const (
	// durable: Elasticsearch has it, or for a delete has it no more.
	durable outcome = iota
	// superseded: Elasticsearch holds something at least as new.
	superseded
	// transient: the same action may pass later.
	transient
	// doubtful: it may pass later, or never; a few attempts tell.
	doubtful
	// refused for good.
	refused
)

// maxDoubtful is how often an action is found doubtful before it counts as refused. Attempts that failed for other
// reasons do not count: a cluster that has just come back is when healthy documents meet shards in trouble.
const maxDoubtful = 6

// itemOutcome classifies an item of a bulk reply.
func itemOutcome(a *goatee.Action, status int, errType string) outcome {
	switch {
	case status >= 200 && status < 300:
		return durable
	case status == http.StatusNotFound && a.Kind == goatee.ActionDelete:
		// What was to be deleted is not there. An external version has left a tombstone even so.
		return durable
	case status == http.StatusConflict:
		return conflictOutcome(a)
	case isTransientStatus(status) || isTransientType(errType):
		return transient
	case status >= 500:
		// A shard in trouble passes; an ingest processor or an analyser that fails on this very document does not, and
		// answers 500 as well. Waiting for ever would stop everything for one document.
		return doubtful
	default:
		// 400 mapping or parsing, 404 no such index and none may be created, 403 not allowed for this index, and
		// whatever else is the action's own fault: the same action will get the same answer.
		return refused
	}
}

func conflictOutcome(a *goatee.Action) outcome {
	switch {
	case a.Kind == goatee.ActionCreate:
		// There is a document with this id. Changes are delivered at least once, so that it is most likely this one.
		return superseded
	case a.ExternalVersion() != 0:
		// A newer version was there first: a replay, or a direct read that the stream has overtaken.
		return superseded
	default:
		// Somebody else wrote the document between reading and writing it, within an update for instance.
		return transient
	}
}

// isTransientStatus holds for statuses that speak of the server's present state and not of the request.
func isTransientStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, // a shard did not answer in time
		http.StatusTooManyRequests,     // queues or the indexing memory are full; the flood-stage block of a full disk
		http.StatusBadGateway,          // a proxy did not reach Elasticsearch
		http.StatusServiceUnavailable,  // no primary shard or no elected master at the moment
		http.StatusGatewayTimeout,      // a proxy did not wait long enough
		http.StatusInsufficientStorage: // a disk is full, and somebody will notice
		return true
	}
	return false
}

// isTransientType holds for errors that speak of the server's present state under a status that does not say so.
func isTransientType(errType string) bool {
	switch errType {
	case "es_rejected_execution_exception", // OpenSearch: rejected_execution_exception
		"rejected_execution_exception",
		"unavailable_shards_exception",
		"circuit_breaking_exception",
		"process_cluster_event_timeout_exception",
		"no_shard_available_action_exception",
		"node_closed_exception",
		"node_not_connected_exception",
		"node_disconnected_exception":
		return true
	case "cluster_block_exception", "index_closed_exception":
		// 403 read-only because the disk is nearly full (Elasticsearch lifts the block by itself), or because an operator
		// is moving, shrinking or closing the index. It concerns every document of the index and none in particular:
		// to refuse them would empty the stream into the dead letters.
		return true
	}
	return false
}

// isMappingRace holds for a refusal that is due to a mapping which came into being while the document was parsed: two
// shards derive a new field's type, one from 10 and one from 9.99, and the second to ask loses. The same document sent
// again is parsed by the mapping that has won, which usually takes it.
func isMappingRace(errType, reason string) bool {
	return errType == "illegal_argument_exception" && strings.HasPrefix(reason, "mapper [") &&
		(strings.Contains(reason, "cannot be changed from type") || strings.Contains(reason, "of different type"))
}

// verdict is what to do about the answer to a whole request.
type verdict uint8

const (
	// allDone: every action is durable.
	allDone verdict = iota
	// perItem: the items say.
	perItem
	// split: some action of the request makes all of it unacceptable.
	split
	// unknown: send it again later. Versions make it harmless that it may have been done already.
	unknown
)

// requestVerdict classifies the answer to a bulk request, and says what is wrong with one that is not well.
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
	case r.status == http.StatusBadRequest && gjson.GetBytes(r.body, "error.type").Exists():
		// Elasticsearch has parsed the request and refused all of it for one action. A 400 that is not in its words is a
		// proxy's, says nothing about the actions, and is unknown.
		return split, requestError(r)
	case r.status == http.StatusTooManyRequests && exceedsPressureLimit(r.body):
		// Not that there is too much under way: this request alone is more than Elasticsearch ever admits.
		return split, requestError(r)
	default:
		// 429 and 5xx pass. 401 and 403 at run time are an expired key or a changed role, 404, 405 and 3xx a wrong route:
		// an operator can mend them, and what no document is to blame for must not become a dead letter. Check refuses
		// to start with them.
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

var errNotBulk = errors.New("the answer is no bulk reply; is there something else than Elasticsearch at this address?")

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

// callSettled reports whether the answer to a request that is not a bulk is final. Everything else passes, or is the
// operator's to mend.
func callSettled(r reply) bool {
	return r.status < 300 || r.status == http.StatusNotFound ||
		r.status == http.StatusBadRequest && gjson.GetBytes(r.body, "error.type").Exists()
}
