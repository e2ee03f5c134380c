package sink_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

func TestHistoryOnElasticsearch(t *testing.T) {
	es := newElastic(t)
	opts := []sink.TimeMachineOption{
		sink.WithHistoryPrefix(es.prefix), sink.WithHistorySuffix("2006-01"), sink.WithHistoryFields("at", "date", time.RFC3339),
		sink.WithHistoryOfDeletes(true),
	}
	tm, err := sink.NewTimeMachine(newBulk(t, es), opts...)
	require.NoError(t, err)
	history, err := sink.NewHistory(es, opts...)
	require.NoError(t, err)

	// In several shards, so that a search with the wrong routing finds nothing.
	template := "/_template/" + es.prefix + "history"
	es.must(http.MethodPut, template, `{"index_patterns": ["`+es.prefix+`*"], "settings": {"number_of_shards": 5}}`)
	t.Cleanup(func() { _, _, _ = es.do(context.Background(), http.MethodDelete, template, "") })

	// More than a page, over three months, with ids that are analysed alike, some longer than a keyword.
	const day = 24 * 3600
	long := strings.Repeat("long ", 100)
	var actions []goatee.Action
	for n := range 450 {
		for _, id := range []string{"Joe 1", "joe 1", "-", "a,b", "ü&?/ x", long} {
			c := goateetest.Replace("a.b", bson.M{"_id": id, "n": n})
			actions = append(actions, es.in("a", goatee.Action{Change: goateetest.At(c, evening+uint32(n/10*day), uint32(n+1))}))
		}
	}
	other := goateetest.At(goateetest.Insert("a.b", `{"_id": "Joe 1", "other": true}`), evening, 1)
	actions = append(actions, es.in("a.b", goatee.Action{Change: other}))
	gone := goateetest.At(goateetest.Delete("a.b", "Joe 1"), evening+45*day, 1)
	actions = append(actions, es.in("a", goatee.Action{Kind: goatee.ActionDelete, Change: gone}))
	require.NoError(t, tm.Write(t.Context(), actions))

	for id, changes := range map[string]int{"Joe 1": 451, "joe 1": 450, "-": 450, "a,b": 450, "ü&?/ x": 450, long: 450, "joe": 0, strings.TrimSpace(long): 0} {
		n := 0
		for e, err := range history.Entries(t.Context(), es.prefix+"a", id) {
			require.NoError(t, err)
			require.Equal(t, n == 450, e.Deleted)
			if !e.Deleted {
				require.JSONEq(t, fmt.Sprintf(`{"n":%d}`, n), string(e.Document))
				require.EqualValues(t, n+1, e.ClusterTime.I)
			}
			n++
		}
		require.Equal(t, changes, n, id)
	}
	for _, c := range []struct {
		at   uint32
		want string
	}{{evening - 1, ""}, {evening, `{"n":9}`}, {evening + 20*day + 7, `{"n":209}`}, {evening + 99*day, `{}`}} {
		e, ok, err := history.AsOf(t.Context(), es.prefix+"a", "Joe 1", time.Unix(int64(c.at), 0))
		require.NoError(t, err)
		require.Equal(t, c.want != "", ok)
		require.Equal(t, c.want, string(e.Document))
		require.Equal(t, c.at == evening+99*day, e.Deleted)
	}
}

func TestAHistoryThatCannotBeReadIsAnError(t *testing.T) {
	es := fakees.New()
	es.FailNext(fakees.Fault{Status: 503})
	h, err := sink.NewHistory(es)
	require.NoError(t, err)
	_, ok, err := h.AsOf(t.Context(), "a", "1", time.Now())
	require.False(t, ok)
	require.ErrorContains(t, err, "503")
}
