package sink

import (
	"net/http"
	"strings"

	"github.com/goatee-sync/goatee"
)

// outcome is what became of one action.
type outcome uint8

const (
	// durable: Elasticsearch has it, or for a delete no longer has the document.
	durable outcome = iota
	// superseded: Elasticsearch holds something at least as new.
	superseded
	// transient: a node or a queue is in trouble. The action is sent again after a pause.
	transient
	// blocked: the index takes nothing at present, for a reason that an operator can mend. It is reported at once.
	blocked
	// conflicting: the document contradicts a mapping that may have come into being while it was parsed. It is sent once
	// more, at once, and refused if that does not help.
	conflicting
	// doubtful: the cause may lie in a shard, and pass, or in the document, and never pass. It is sent once more, at once,
	// and reported as doubtful if that does not help.
	doubtful
	// refused for good.
	refused
)

// retried reports whether one more attempt, at once, may help.
func (o outcome) retried() bool { return o == conflicting || o == doubtful }

// class returns what the pipeline is told about an action that is not durable.
func (o outcome) class() goatee.ActionClass {
	switch o {
	case blocked:
		return goatee.ClassBlocked
	case doubtful:
		return goatee.ClassDoubtful
	default:
		return goatee.ClassRefused
	}
}

// itemOutcome classifies an item of a bulk reply by its status and by the type and reason of its error.
func itemOutcome(a *goatee.Action, status int, errType, reason string) outcome {
	switch {
	case status >= 200 && status < 300:
		return durable
	case status == http.StatusNotFound && a.Kind == goatee.ActionDelete:
		// What was to be deleted is not there. An external version has left a tombstone even so.
		return durable
	case status == http.StatusConflict:
		return conflictOutcome(a)
	case isBlocked(errType, reason):
		return blocked
	case isTransientStatus(status) || isTransientType(errType, reason):
		return transient
	case status >= 500:
		// A shard in trouble recovers; an ingest processor or an analyser that fails on this very document does not, and
		// answers 500 as well. Waiting for ever would stop everything for the sake of one document.
		return doubtful
	case isMappingConflict(errType, reason):
		return conflicting
	default:
		// 400 mapping or parsing, and whatever else is the action's own fault: the same action will get the same answer.
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

// isBlocked holds for errors that concern every document of an index and none in particular, and that last until an
// operator does something. To refuse the documents would turn a whole stream into dead letters; to wait for the index
// would hold up all others.
func isBlocked(errType, reason string) bool {
	switch errType {
	case "index_not_found_exception", // action.auto_create_index does not allow it to be created
		"invalid_alias_name_exception",        // a template gives the new index an alias that it cannot have
		"security_exception",                  // the user may not write to this index
		"cluster_block_exception",             // read-only, by hand or because the disk is nearly full; being moved or shrunk
		"index_closed_exception",              //
		"unavailable_shards_exception",        // no active primary, or fewer copies than the index asks for
		"no_shard_available_action_exception", // the same, found while the document is read for an update
		"snapshot_in_progress_exception":      // an index cannot be dropped while a snapshot of it is taken
		return true
	case "illegal_argument_exception", "illegal_state_exception", "validation_exception":
		return isBlockedReason(reason)
	}
	return false
}

// isBlockedReason recognises those that have no type of their own. It looks at how a reason starts, because further on it
// may quote the document.
func isBlockedReason(reason string) bool {
	switch {
	case strings.HasPrefix(reason, "no write index is defined for alias ["):
		return true
	case strings.HasPrefix(reason, "alias ["), strings.HasPrefix(reason, "Alias ["):
		return strings.Contains(reason, "] has more than one ind")
	case strings.HasPrefix(reason, "pipeline with id ["):
		return strings.HasSuffix(reason, "] does not exist")
	case strings.HasPrefix(reason, "Pipeline processor configured for non-existent pipeline ["):
		return true
	case strings.HasPrefix(reason, "Validation Failed: "):
		return strings.Contains(reason, ": this action would add [") // more shards than cluster.max_shards_per_node allows
	case strings.HasPrefix(reason, "Number of documents in shard "),
		strings.HasPrefix(reason, "number of documents in the index cannot exceed "):
		return true // the index is full, and has to be rolled over or split
	case strings.HasPrefix(reason, "only write ops with an op_type of create are allowed in data streams"):
		return true // there is a data stream where an index was expected
	}
	return false
}

// isTransientStatus holds for statuses that speak of the server's present state and not of the request.
func isTransientStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, // a shard did not answer in time
		http.StatusTooManyRequests,     // queues or the indexing memory are full
		http.StatusBadGateway,          // a proxy did not reach Elasticsearch
		http.StatusServiceUnavailable,  // no elected master at the moment
		http.StatusGatewayTimeout,      // a proxy did not wait long enough
		http.StatusInsufficientStorage: // a disk is full, and somebody will notice
		return true
	}
	return false
}

// isTransientType holds for errors that speak of the server's present state under a status that does not say so.
func isTransientType(errType, reason string) bool {
	switch errType {
	case "es_rejected_execution_exception",
		"rejected_execution_exception", // OpenSearch
		"circuit_breaking_exception",
		"process_cluster_event_timeout_exception",
		"node_closed_exception",
		"node_not_connected_exception",
		"node_disconnected_exception":
		return true
	case "mapper_exception":
		// The master is slow to publish a new field: a status of 500, though the document is not at fault.
		return strings.HasPrefix(reason, "timed out while waiting for a dynamic mapping update")
	}
	return false
}

// isBusy holds for transient errors of a server that is well and asks for less.
func isBusy(status int, errType string) bool {
	switch errType {
	case "es_rejected_execution_exception", "rejected_execution_exception", "circuit_breaking_exception":
		return true
	}
	return status == http.StatusTooManyRequests
}

// isMappingConflict holds for a refusal that may be due to a mapping which came into being while the document was parsed:
// two shards derive a new field's type, one from 10 and one from 9.99, and the second to ask loses. The same document
// sent again is parsed by the mapping that has won, which usually takes it. A document that contradicts itself, as
// {a: [10, 9.99]} does, gets the same answer.
func isMappingConflict(errType, reason string) bool {
	if errType != "illegal_argument_exception" {
		return false
	}
	switch {
	case strings.HasPrefix(reason, "mapper ["):
		return strings.Contains(reason, "cannot be changed from type") || strings.Contains(reason, "of different type")
	case strings.HasPrefix(reason, "can't merge a non object mapping ["), strings.HasPrefix(reason, "object mapping ["):
		return true
	}
	return false
}
