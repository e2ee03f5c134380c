package sink

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

func TestItemOutcome(t *testing.T) {
	versioned := &goatee.Change{ClusterTime: primitive.Timestamp{T: 1}}
	indexing := &goatee.Action{Change: versioned}
	deleting := &goatee.Action{Kind: goatee.ActionDelete, Change: versioned}
	creating := &goatee.Action{Kind: goatee.ActionCreate, Change: versioned}
	updating := &goatee.Action{Kind: goatee.ActionUpdate, Change: versioned}
	unversioned := &goatee.Action{Change: versioned, VersionType: goatee.VersionInternal}
	for _, tc := range []struct {
		action  *goatee.Action
		status  int
		errType string
		reason  string // as Elasticsearch 7.17 words it
		want    outcome
	}{
		{indexing, 200, "", "", durable},
		{indexing, 201, "", "", durable},
		{deleting, 200, "", "", durable},
		{deleting, 404, "", "", durable},
		{deleting, 404, "index_not_found_exception", "no such index [i] and [action.auto_create_index] is [false]", durable},
		{indexing, 409, "version_conflict_engine_exception", "", superseded},
		{deleting, 409, "version_conflict_engine_exception", "", superseded},
		{creating, 409, "version_conflict_engine_exception", "", superseded},
		{updating, 409, "version_conflict_engine_exception", "", transient},
		{unversioned, 409, "version_conflict_engine_exception", "", transient},

		{indexing, 408, "", "", transient},
		{indexing, 429, "es_rejected_execution_exception", "", transient},
		{indexing, 429, "circuit_breaking_exception", "", transient},
		{indexing, 502, "", "", transient},
		{indexing, 503, "process_cluster_event_timeout_exception", "", transient},
		{indexing, 503, "master_not_discovered_exception", "", transient},
		{indexing, 504, "", "", transient},
		{indexing, 507, "", "", transient},
		{indexing, 500, "node_not_connected_exception", "", transient},
		{indexing, 500, "node_closed_exception", "", transient},
		{indexing, 500, "rejected_execution_exception", "", transient},
		{indexing, 500, "mapper_exception", "timed out while waiting for a dynamic mapping update", transient},

		{indexing, 404, "index_not_found_exception", "no such index [i] and [action.auto_create_index] is [false]", blocked},
		{indexing, 404, "index_not_found_exception", "no such index [zz] and [action.auto_create_index] ([-x*,+y*]) doesn't match", blocked},
		{indexing, 400, "illegal_argument_exception", "no write index is defined for alias [al]. The write index may be " +
			"explicitly disabled using is_write_index=false or the alias points to multiple indices without one being " +
			"designated as a write index", blocked},
		{deleting, 400, "illegal_argument_exception", "no write index is defined for alias [al]. The write index may be …", blocked},
		{updating, 400, "illegal_argument_exception", "Alias [al] has more than one indices associated with it [[b1, b2]], " +
			"can't execute a single index op", blocked},
		{indexing, 400, "illegal_argument_exception", "pipeline with id [nope] does not exist", blocked},
		{indexing, 500, "illegal_state_exception", "Pipeline processor configured for non-existent pipeline [inner]", blocked},
		{indexing, 400, "validation_exception", "Validation Failed: 1: this action would add [2] shards, but this cluster " +
			"currently has [12]/[1] maximum normal shards open;", blocked},
		{indexing, 400, "invalid_alias_name_exception", "Invalid alias name [b1]: an index or data stream exists with the " +
			"same name as the alias", blocked},
		{indexing, 403, "security_exception", "action [indices:data/write/bulk[s]] is unauthorized for user [u]", blocked},
		{indexing, 403, "cluster_block_exception", "index [i] blocked by: [FORBIDDEN/5/index read-only (api)];", blocked},
		{deleting, 403, "cluster_block_exception", "index [i] blocked by: [FORBIDDEN/8/index write (api)];", blocked},
		{indexing, 403, "cluster_block_exception", "index [i] blocked by: [FORBIDDEN/9/index metadata (api)];", blocked},
		{indexing, 429, "cluster_block_exception", "index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded …];", blocked},
		{indexing, 400, "index_closed_exception", "closed", blocked},
		{indexing, 503, "unavailable_shards_exception", "[np][0] primary shard is not active Timeout: [5s], request: …", blocked},
		{updating, 503, "no_shard_available_action_exception", "", blocked},
		{indexing, 400, "illegal_argument_exception", "only write ops with an op_type of create are allowed in data streams", blocked},
		{indexing, 400, "illegal_argument_exception", "Number of documents in shard [i][0] exceeds the limit of [2147483519] " +
			"documents per shard", blocked},

		{indexing, 400, "illegal_argument_exception", "mapper [prices] cannot be changed from type [long] to [float]", conflicting},
		{indexing, 400, "illegal_argument_exception", "mapper [a] of different type, current_type [float], merged_type [long]", conflicting},
		{indexing, 400, "illegal_argument_exception", "can't merge a non object mapping [arr] with an object mapping", conflicting},

		{indexing, 500, "null_pointer_exception", "", doubtful},
		{indexing, 500, "illegal_state_exception", "", doubtful},

		{indexing, 400, "mapper_parsing_exception", "failed to parse", refused},
		{indexing, 400, "mapper_parsing_exception", "object mapping for [x] tried to parse field [x] as object, but found a concrete value", refused},
		{indexing, 400, "mapper_parsing_exception", "failed to parse field [n] of type [long] in document with id 'a'. Preview " +
			"of field's value: 'pipeline with id [nope] does not exist'", refused},
		{indexing, 400, "illegal_argument_exception", "bad value: pipeline with id [nope] does not exist", refused},
		{indexing, 400, "illegal_argument_exception", "Limit of total fields [1] has been exceeded", refused},
		{indexing, 400, "document_parsing_exception", "", refused},
		{indexing, 400, "strict_dynamic_mapping_exception", "", refused},
		{indexing, 400, "invalid_index_name_exception", "Invalid index name [Upper], must be lowercase", refused},
		{indexing, 400, "routing_missing_exception", "routing is required for [rr]/[_doc]/[a]", refused},
		{indexing, 413, "", "", refused},
	} {
		require.Equal(t, tc.want, itemOutcome(tc.action, tc.status, tc.errType, tc.reason),
			"%s %d %s: %s", tc.action.Kind, tc.status, tc.errType, tc.reason)
	}
}

func TestRequestVerdict(t *testing.T) {
	const elastic = `{"error":{"type":"illegal_argument_exception","reason":"r"},"status":400}`
	for _, tc := range []struct {
		status int
		body   string
		err    error
		want   verdict
	}{
		{200, `{"errors":false,"items":[{"index":{"status":201}}]}`, nil, allDone},
		{200, `{"took":0,"errors":false,"items":[]}` + "\n", nil, allDone},
		{200, `{"errors":true,"items":[]}`, nil, perItem},
		{200, "{\n  \"took\" : 1,\n  \"errors\" : true,\n  \"items\" : [ ]\n}", nil, perItem},
		{200, "{\n  \"errors\" : false }", nil, allDone},
		{200, `{"errors":false,"items":[{"index":{"sta`, nil, unknown},
		{200, `{"errors":1}`, nil, unknown},
		{200, ``, nil, unknown},
		{200, `[]`, nil, unknown},
		{200, `<html></html>`, nil, unknown},
		{0, "", errors.New("connection reset"), unknown},
		{413, "", nil, split},
		{400, elastic, nil, split},
		{400, "<html>", nil, unknown},
		{401, elastic, nil, unknown},
		{403, elastic, nil, unknown},
		{404, elastic, nil, unknown},
		{429, elastic, nil, unknown},
		{429, `{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation [` +
			`coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0, coordinating_operation_bytes=80, ` +
			`max_coordinating_and_primary_bytes=70]"}}`, nil, split},
		{429, `{"error":{"type":"es_rejected_execution_exception","reason":"rejected execution of coordinating operation [` +
			`coordinating_and_primary_bytes=60, replica_bytes=0, all_bytes=60, coordinating_operation_bytes=50, ` +
			`max_coordinating_and_primary_bytes=70]"}}`, nil, unknown},
		{500, elastic, nil, unknown},
		{503, elastic, nil, unknown},
	} {
		t.Run(fmt.Sprint(tc.status, tc.body), func(t *testing.T) {
			got, err := requestVerdict(reply{status: tc.status, body: []byte(tc.body)}, tc.err)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want != allDone && tc.want != perItem, err != nil, "%v", err)
		})
	}
}
