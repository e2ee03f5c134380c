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
		want    outcome
	}{
		{indexing, 200, "", durable},
		{indexing, 201, "", durable},
		{deleting, 200, "", durable},
		{deleting, 404, "", durable},
		{deleting, 404, "index_not_found_exception", durable},
		{indexing, 404, "index_not_found_exception", refused},
		{indexing, 409, "version_conflict_engine_exception", superseded},
		{deleting, 409, "version_conflict_engine_exception", superseded},
		{creating, 409, "version_conflict_engine_exception", superseded},
		{updating, 409, "version_conflict_engine_exception", transient},
		{unversioned, 409, "version_conflict_engine_exception", transient},
		{indexing, 408, "", transient},
		{indexing, 429, "es_rejected_execution_exception", transient},
		{indexing, 429, "circuit_breaking_exception", transient},
		{indexing, 429, "cluster_block_exception", transient},
		{indexing, 502, "", transient},
		{indexing, 503, "unavailable_shards_exception", transient},
		{indexing, 504, "", transient},
		{indexing, 507, "", transient},
		{indexing, 403, "cluster_block_exception", transient},
		{indexing, 400, "index_closed_exception", transient},
		{indexing, 500, "node_not_connected_exception", transient},
		{indexing, 500, "rejected_execution_exception", transient},
		{indexing, 500, "null_pointer_exception", doubtful},
		{indexing, 400, "mapper_parsing_exception", refused},
		{indexing, 400, "document_parsing_exception", refused},
		{indexing, 400, "strict_dynamic_mapping_exception", refused},
		{indexing, 400, "illegal_argument_exception", refused},
		{indexing, 400, "invalid_index_name_exception", refused},
		{indexing, 403, "security_exception", refused},
		{indexing, 413, "", refused},
	} {
		require.Equal(t, tc.want, itemOutcome(tc.action, tc.status, tc.errType),
			"%s %d %s", tc.action.Kind, tc.status, tc.errType)
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
