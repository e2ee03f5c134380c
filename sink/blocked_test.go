package sink_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
)

// An index that takes nothing at present, for every reason that an operator can mend. A settings change concerns the whole
// cluster, so the server is the test's own.
func TestBlockedIndicesOnElasticsearch(t *testing.T) {
	server := testservers.Elasticsearch(t, testservers.Dedicated())
	es := &elastic{Client: server.Client(t), t: t, prefix: "blocked"}
	cluster := func(settings string) {
		es.must(http.MethodPut, "/_cluster/settings", `{"transient":{`+settings+`}}`)
	}
	put := func(index, body string) { es.must(http.MethodPut, "/"+index, body) }
	// A field that is not mapped yet would take the master longer than the short time for shards, on a busy machine.
	put("healthy", `{"mappings":{"properties":{"v":{"type":"long"}}}}`)
	const small = `{"settings":{"number_of_replicas":0}}`
	settings := func(body string) func(string) {
		return func(index string) { es.must(http.MethodPut, "/"+index+"/_settings", body) }
	}
	for name, tc := range map[string]struct {
		before func(index string)
		block  func(index string)
		mend   func(index string)
		delete bool // deletes are blocked as well
	}{
		"cannot be created": {
			block:  func(string) { cluster(`"action.auto_create_index":"false"`) },
			mend:   func(string) { cluster(`"action.auto_create_index":null`) },
			delete: false, // there is nothing to delete
		},
		"more shards than allowed": {
			block: func(string) { cluster(`"cluster.max_shards_per_node":1`) },
			mend:  func(string) { cluster(`"cluster.max_shards_per_node":null`) }, delete: true,
		},
		"alias without a write index": {
			block: func(index string) { put(index+"-1", `{"aliases":{"`+index+`":{"is_write_index":false}}}`) },
			mend: func(index string) {
				es.must(http.MethodPost, "/_aliases", `{"actions":[{"add":{"index":"`+index+`-1","alias":"`+index+`","is_write_index":true}}]}`)
			}, delete: true,
		},
		"alias of several indices": {
			block: func(index string) {
				put(index+"-1", `{"aliases":{"`+index+`":{}}}`)
				put(index+"-2", `{"aliases":{"`+index+`":{}}}`)
			},
			mend: func(index string) {
				es.must(http.MethodPost, "/_aliases", `{"actions":[{"remove":{"index":"`+index+`-2","alias":"`+index+`"}}]}`)
			}, delete: true,
		},
		"missing ingest pipeline": {
			block: func(index string) { put(index, `{"settings":{"index.default_pipeline":"missing"}}`) },
			mend:  settings(`{"index.default_pipeline":null}`),
		},
		"read-only": {
			before: func(index string) { put(index, small) },
			block:  settings(`{"index.blocks.read_only":true}`), mend: settings(`{"index.blocks.read_only":null}`), delete: true,
		},
		"disk full": {
			before: func(index string) { put(index, small) },
			block:  settings(`{"index.blocks.read_only_allow_delete":true}`),
			mend:   settings(`{"index.blocks.read_only_allow_delete":null}`), delete: true,
		},
		"write block": {
			before: func(index string) { put(index, small) },
			block:  settings(`{"index.blocks.write":true}`), mend: settings(`{"index.blocks.write":null}`), delete: true,
		},
		"metadata block": {
			before: func(index string) { put(index, small) },
			block:  settings(`{"index.blocks.metadata":true}`), mend: settings(`{"index.blocks.metadata":null}`), delete: true,
		},
		"closed": {
			before: func(index string) { put(index, small) },
			block:  func(index string) { es.must(http.MethodPost, "/"+index+"/_close", "") },
			mend:   func(index string) { es.must(http.MethodPost, "/"+index+"/_open", "") }, delete: true,
		},
		"no primary": {
			block: func(index string) {
				put(index+"?wait_for_active_shards=0",
					`{"settings":{"number_of_replicas":0,"index.routing.allocation.require._name":"nope"}}`)
			},
			mend: settings(`{"index.routing.allocation.require._name":null}`), delete: true,
		},
		"too few copies": {
			before: func(index string) { put(index, `{"settings":{"number_of_replicas":1}}`) },
			block:  settings(`{"index.write.wait_for_active_shards":"2"}`),
			mend:   settings(`{"index.write.wait_for_active_shards":null}`), delete: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			es.t = t
			index := testservers.UniqueName(t)
			var seen []error
			b := newBulk(t, es, sink.WithShardTimeout(time.Second), states(&seen))
			if tc.before != nil {
				tc.before(index)
			}
			tc.block(index)
			actions := []goatee.Action{
				placed(action("a"), "healthy", "", ""), placed(action("a"), index, "", ""), placed(action("b"), "healthy", "", ""),
				placed(remove("c", 1), index, "", ""),
			}
			failed, rest := goatee.SplitBatchError(b.Write(t.Context(), actions))
			tc.mend(index)
			require.NoError(t, rest)
			want := []int{1}
			if tc.delete {
				want = append(want, 3)
			}
			var ordinals []int
			for _, f := range failed {
				ordinals = append(ordinals, f.Ordinal)
				require.Equal(t, goatee.ClassBlocked, f.Class, "%v", f)
				require.Equal(t, index, f.Target.Index)
				require.Equal(t, 1, f.Attempts)
				require.NotEmpty(t, f.Type)
				require.NotEmpty(t, f.Reason)
			}
			require.Equal(t, want, ordinals)
			require.Empty(t, seen, "an index is not the server")
			require.Eventually(t, func() bool { return b.Write(t.Context(), actions) == nil }, 30*time.Second, 10*time.Millisecond)
			es.has(index, "a", `{"v":1}`)
		})
	}
}

func action(id string) goatee.Action { return index(id, 1, bson.M{"v": 1}) }

// A drop of an index that takes nothing does not wait, and deletes the others.
func TestDropsOfBlockedIndicesOnElasticsearch(t *testing.T) {
	for _, block := range []string{"read_only", "metadata"} {
		t.Run(block, func(t *testing.T) {
			es := newElastic(t)
			names := []string{es.prefix + ".a", es.prefix + ".b", es.prefix + ".c"}
			for _, name := range names {
				es.must(http.MethodPut, "/"+name, `{"settings":{"number_of_replicas":0}}`)
			}
			set := func(value string) {
				es.must(http.MethodPut, "/"+names[1]+"/_settings", `{"index.blocks.`+block+`":`+value+`}`)
			}
			set("true")
			drops := []goatee.Action{drop(goatee.OpDropDatabase, es.prefix), drop(goatee.OpDrop, names[1])}
			failed, rest := goatee.SplitBatchError(newBulk(t, es).Write(t.Context(), drops))
			require.NoError(t, rest)
			require.Len(t, failed, 2)
			for i, f := range failed {
				require.Equal(t, i, f.Ordinal)
				require.Equal(t, goatee.ClassBlocked, f.Class, "%v", f)
				require.Equal(t, goatee.Target{Index: names[1]}, f.Target)
				require.Equal(t, http.StatusForbidden, f.Status)
				require.Contains(t, f.Reason, "blocked by")
			}
			set("null")
			require.NoError(t, newBulk(t, es).Write(t.Context(), drops))
			for _, name := range names {
				status, _, err := es.do(t.Context(), http.MethodHead, "/"+name, "")
				require.NoError(t, err)
				require.Equal(t, http.StatusNotFound, status)
			}
		})
	}
}

// What Elasticsearch refuses whatever the mapping: the others must not notice.
func TestDocumentsThatContradictThemselves(t *testing.T) {
	es := newElastic(t)
	for name, doc := range map[string]bson.M{
		"numbers":          {"prices": bson.A{10, 12.5}},
		"number and text":  {"list": bson.A{1, "a"}},
		"text and object":  {"mixed": bson.A{"a", bson.M{"x": 1}}},
		"object and value": {"other": bson.A{bson.M{"x": 1}, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []error
			b := newBulk(t, es, states(&seen))
			failed, rest := goatee.SplitBatchError(b.Write(t.Context(), []goatee.Action{
				es.in("", index("a", 1, bson.M{"n": 1})), es.in("", index("bad", 1, doc)), es.in("", index("b", 1, bson.M{"n": 1})),
			}))
			require.NoError(t, rest)
			require.Len(t, failed, 1)
			require.Equal(t, []any{1, goatee.ClassRefused, 2}, []any{failed[0].Ordinal, failed[0].Class, failed[0].Attempts})
			require.EqualValues(t, 2, b.SinkStats().Requests)
			require.Empty(t, seen)
			es.has(es.prefix, "a", `{"n":1}`)
			es.has(es.prefix, "b", `{"n":1}`)
		})
	}
}
