package e2e

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// blockade is a reason for which an index takes nothing until an operator mends it.
type blockade struct {
	block, mend func(s *stack, t *testing.T, index string)
}

func clusterSetting(setting string) func(*stack, *testing.T, string) {
	return func(s *stack, t *testing.T, _ string) {
		s.es.must(t, "PUT", "/_cluster/settings", `{"transient":{`+setting+`}}`)
	}
}

func indexSetting(setting string) func(*stack, *testing.T, string) {
	return func(s *stack, t *testing.T, index string) {
		s.es.must(t, "PUT", "/"+index+"/_settings", `{`+setting+`}`)
	}
}

func newIndex(body string) func(*stack, *testing.T, string) {
	return func(s *stack, t *testing.T, index string) {
		s.es.must(t, "PUT", "/"+index+"?wait_for_active_shards=0", body)
	}
}

var blockades = map[string]blockade{
	"its primary is not allocated": {
		newIndex(`{"settings":{"number_of_replicas":0,"index.routing.allocation.require._name":"nope"}}`),
		indexSetting(`"index.routing.allocation.require._name":null`),
	},
	"it may not be created": {
		clusterSetting(`"action.auto_create_index":"false"`), clusterSetting(`"action.auto_create_index":null`),
	},
	"it would be a shard too many": {
		clusterSetting(`"cluster.max_shards_per_node":1`), clusterSetting(`"cluster.max_shards_per_node":null`),
	},
	"its name is an alias without a write index": {
		func(s *stack, t *testing.T, index string) {
			s.es.must(t, "PUT", "/"+index+"-1", `{"settings":{"number_of_replicas":0},"aliases":{"`+index+`":{"is_write_index":false}}}`)
		},
		func(s *stack, t *testing.T, index string) {
			s.es.must(t, "POST", "/_aliases",
				`{"actions":[{"add":{"index":"`+index+`-1","alias":"`+index+`","is_write_index":true}}]}`)
		},
	},
	"its ingest pipeline is missing": {
		newIndex(`{"settings":{"number_of_replicas":0,"index.default_pipeline":"missing"}}`),
		indexSetting(`"index.default_pipeline":null`),
	},
	"it is read-only": {
		newIndex(`{"settings":{"number_of_replicas":0,"index.blocks.read_only":true}}`), indexSetting(`"index.blocks.read_only":null`),
	},
}

// An index that takes nothing holds up no other, is named in the log once, and gets all that was meant for it when it is
// mended, also after a restart. The process is ready all the while.
func TestABlockedIndexIsItsOwnTrouble(t *testing.T) {
	for name, b := range blockades {
		for _, restart := range []bool{false, true} {
			title := name
			if restart {
				title += ", with a restart"
			}
			t.Run(title, func(t *testing.T) {
				s := newStack(t)
				sick := s.index("sick")
				s.es.must(t, "PUT", "/"+s.index("well"), `{"settings":{"number_of_replicas":0}}`)
				b.block(s, t, sick)
				mended := false
				mend := func() {
					if !mended {
						b.mend(s, t, sick)
					}
					mended = true
				}
				t.Cleanup(mend)
				conf, address := s.settings().withHTTP(t)
				d := startDaemon(t, conf)
				s.awaitChange(t, "well")
				fields := func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}} }
				for i := range 20 {
					s.insertMany(t, "sick", 3*i, 3, fields)
					s.insertMany(t, "well", 3*i, 3, fields)
				}
				s.requireAgreement(t, "well")
				blocked := "an index takes no writes.*" + regexp.QuoteMeta(sick)
				require.Eventually(t, func() bool { return len(d.linesSince(0, blocked)) > 0 }, patience, tick)
				if restart {
					require.Equal(t, 1, len(d.linesSince(0, blocked)), "it is said once")
					d.kill()
					d = startDaemon(t, conf)
					s.insertMany(t, "well", 1000, 10, fields)
					s.requireAgreement(t, "well")
					require.Eventually(t, func() bool { return len(d.linesSince(0, blocked)) > 0 }, patience, tick)
				}
				status, stats := httpGet(t, "http://"+address+"/ready")
				require.Equal(t, http.StatusOK, status, stats)
				_, stats = httpGet(t, "http://"+address+"/stats")
				require.Contains(t, stats, `"index": "`+sick+`"`)

				mend()
				s.requireAgreement(t, "sick", "well")
				require.Equal(t, 1, len(d.linesSince(0, blocked)), "it is said once")
				require.Empty(t, d.linesSince(0, "dead letter"))
				require.Zero(t, d.terminate(t))
			})
		}
	}
}

// A drop of an index that is read-only waits alone; the stream goes on.
func TestADropOfABlockedIndexHoldsUpNobody(t *testing.T) {
	s := newStack(t)
	fields := func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}} }
	d := startDaemon(t, s.settings())
	s.awaitFollowing(t, "sick", "well")
	s.insertMany(t, "sick", 0, 10, fields)
	s.requireAgreement(t, "sick")
	indexSetting(`"index.blocks.read_only":true`)(s, t, s.index("sick"))
	require.NoError(t, s.db.Collection("sick").Drop(t.Context()))
	s.insertMany(t, "well", 0, 100, fields)
	s.requireAgreement(t, "well")
	require.Contains(t, s.es.indices(t, s.index("sick")), s.index("sick"))

	indexSetting(`"index.blocks.read_only":null`)(s, t, s.index("sick"))
	require.Eventually(t, func() bool { return len(s.es.indices(t, s.index("sick"))) == 0 }, patience, tick)
	s.insertMany(t, "sick", 100, 10, fields)
	s.requireAgreement(t, "sick", "well")
	require.Zero(t, d.terminate(t))
}

// A stop does not wait for what an index does not take: the next start reads it again.
func TestAStopDoesNotWaitForABlockedIndex(t *testing.T) {
	s := newStack(t)
	newIndex(`{"settings":{"number_of_replicas":0,"index.blocks.read_only":true}}`)(s, t, s.index("sick"))
	d := startDaemon(t, s.settings())
	s.awaitChange(t, "well")
	s.insertMany(t, "sick", 0, 10, func(i int) bson.D { return bson.D{{Key: "n", Value: int32(i)}} })
	require.Eventually(t, func() bool { return len(d.linesSince(0, "takes no writes")) > 0 }, patience, tick)
	require.Zero(t, d.terminate(t))
	require.NotEmpty(t, d.linesSince(0, "msg=summary.* blocked="+s.index("sick")))

	indexSetting(`"index.blocks.read_only":null`)(s, t, s.index("sick"))
	d = startDaemon(t, s.settings())
	s.requireAgreement(t, "sick", "well")
	require.Zero(t, d.terminate(t))
}
