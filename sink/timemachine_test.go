package sink_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// A second before midnight, UTC.
const evening = 1715990399

func newTimeMachine(t *testing.T, es *fakees.Server, opts ...sink.TimeMachineOption) *sink.TimeMachine {
	t.Helper()
	tm, err := sink.NewTimeMachine(newBulk(t, es), opts...)
	require.NoError(t, err)
	return tm
}

func indexed(c *goatee.Change) goatee.Action {
	a := goatee.Action{Change: goateetest.At(c, evening, 1)}
	if c.Op == goatee.OpDelete {
		a.Kind = goatee.ActionDelete
	}
	return a
}

// entries returns what is in an index without the ids, in order.
func entries(es *fakees.Server, index string) []string {
	found := []string{}
	for _, d := range es.Docs(index) {
		found = append(found, d.Routing+": "+d.Source)
	}
	slices.Sort(found)
	return found
}

const stamps = `"oplog_ts":{"T":1715990399,"I":1},"oplog_date":"2024/05/17 23:59:59"`

func TestAChangeIsRecordedOnce(t *testing.T) {
	es := fakees.New()
	tm := newTimeMachine(t, es)
	a := indexed(goateetest.Insert("shop.Items", `{"_id": "x", "a": 1}`))
	b := indexed(goateetest.Insert("shop.Items", `{"_id": "y", "a": 1}`))
	require.NoError(t, tm.Write(t.Context(), []goatee.Action{a}))
	require.NoError(t, tm.Write(t.Context(), []goatee.Action{a, b, a}), "delivered again, in batches that are cut otherwise")
	require.Equal(t, []string{`x: {"a":1,"_source_id":"x",` + stamps + `}`, `y: {"a":1,"_source_id":"y",` + stamps + `}`},
		entries(es, "log.shop.items.2024-05-17"))
	require.JSONEq(t, `{"a":1}`, es.Docs("shop.items")["x"].Source)
}

func TestChangesOfATransactionAreEntriesOfTheirOwn(t *testing.T) {
	es := fakees.New()
	tm := newTimeMachine(t, es, sink.WithHistoryOfDeletes(true))
	now := `{"_id": 1, "a": 3}`
	changes := []goatee.Action{
		indexed(goateetest.Insert("t.t", `{"_id": 1, "a": 1}`)),
		indexed(goateetest.Update("t.t", now, `{"a": 2}`)), // looked up later, the updates have one document
		indexed(goateetest.Update("t.t", now, `{"a": 3}`)),
		indexed(goateetest.Update("t.t", now, nil, "b")),
		indexed(goateetest.Update("t.t", now, nil, "c")),
		indexed(goateetest.Delete("t.t", 1)),
		indexed(goateetest.Insert("t.t", `{"_id": 1, "a": 2}`)),
	}
	for cut := range changes {
		require.NoError(t, tm.Write(t.Context(), changes[:cut]))
		require.NoError(t, tm.Write(t.Context(), changes[cut:]))
	}
	require.Len(t, es.Docs("log.t.t.2024-05-17"), len(changes))
}

// The layout of the date is applied to nothing else: names hold digits too.
func TestWhereEntriesGo(t *testing.T) {
	for name, c := range map[string]struct {
		opts   []sink.TimeMachineOption
		action goatee.Action
		want   string // "" for no entry
	}{
		"digits are no layout": {
			opts:   []sink.TimeMachineOption{sink.WithHistoryPrefix("hist2006")},
			action: goatee.Action{Index: "db.test-1.table"}, want: "hist2006.db.test-1.table.2024-05-17",
		},
		"an index a month": {
			opts:   []sink.TimeMachineOption{sink.WithHistorySuffix("2006-01"), sink.WithHistoryPrefix("Log")},
			action: goatee.Action{}, want: "log.t.t.2024-05",
		},
		"another namespace":   {opts: []sink.TimeMachineOption{sink.WithHistoryNamespaces("t.other")}, action: goatee.Action{}},
		"a listed namespace":  {opts: []sink.TimeMachineOption{sink.WithHistoryNamespaces("t.t")}, action: goatee.Action{}, want: "log.t.t.2024-05-17"},
		"a direct read":       {action: goatee.Action{Change: goateetest.Read("t.t", `{"_id": 1}`)}},
		"direct reads wanted": {opts: []sink.TimeMachineOption{sink.WithHistoryOfReads(true)}, action: goatee.Action{Change: goateetest.Read("t.t", `{"_id": 1}`)}, want: "log.t.t.2024-05-17"},
		"a delete":            {action: goatee.Action{Kind: goatee.ActionDelete, Change: goateetest.Delete("t.t", 1)}},
		"a drop":              {action: goatee.Action{Kind: goatee.ActionDrop, Change: goateetest.Drop("t.t")}},
		"a transformer's delete": {
			opts:   []sink.TimeMachineOption{sink.WithHistoryOfDeletes(true)},
			action: goatee.Action{Kind: goatee.ActionDelete},
		},
		"an update": {action: goatee.Action{Kind: goatee.ActionUpdate}, want: "log.t.t.2024-05-17"},
	} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			if c.action.Change == nil {
				c.action.Change = goateetest.Insert("t.t", `{"_id": 1}`)
			}
			goateetest.At(c.action.Change, evening, 1)
			require.NoError(t, newTimeMachine(t, es, c.opts...).Write(t.Context(), []goatee.Action{c.action}))
			names := slices.DeleteFunc(es.Indices(), func(name string) bool { return len(name) < 4 || name == c.action.Index || len(es.Docs(name)) == 0 })
			if c.want == "" {
				require.Empty(t, names)
				return
			}
			require.Equal(t, []string{c.want}, names)
		})
	}
}

func TestWhatEntriesHold(t *testing.T) {
	edited := indexed(goateetest.Insert("t.t", `{"_id": 1, "a": 1}`))
	m, err := edited.Body().Map()
	require.NoError(t, err)
	m["b"] = 2
	for name, c := range map[string]struct {
		action goatee.Action
		want   string
	}{
		"a document as a transformer left it": {edited, `1: {"_source_id":"1","a":1,"b":2,` + `"oplog_date":"2024/05/17 23:59:59","oplog_ts":{"T":1715990399,"I":1}}`},
		"fields of its own win": {
			indexed(goateetest.Insert("t.t", `{"_id": 1, "_source_id": 9, "oplog_ts": 1, "oplog_date": 2, "_source_deleted": true, "z": 0}`)),
			`1: {"z":0,"_source_id":"1",` + stamps + `}`,
		},
		"a delete": {indexed(goateetest.Delete("t.t", 1)), `1: {"_source_id":"1",` + stamps + `,"_source_deleted":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			require.NoError(t, newTimeMachine(t, es, sink.WithHistoryOfDeletes(true)).Write(t.Context(), []goatee.Action{c.action}))
			require.Equal(t, []string{c.want}, entries(es, "log.t.t.2024-05-17"))
		})
	}
	m2, err := edited.Body().Map()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"_id", "a", "b"}, slices.Collect(maps.Keys(m2)), "the document itself is not touched")
}

func TestAnEntryThatIsRefusedIsTheFailureOfItsChange(t *testing.T) {
	es := fakees.New()
	es.OnItem(func(item fakees.Item) *fakees.ItemError {
		if item.Index == "log.t.t.2024-05-17" && item.Routing == "2" {
			return &fakees.ItemError{Status: 400, Type: "mapper_parsing_exception", Reason: "no"}
		}
		return nil
	})
	var actions []goatee.Action
	for _, doc := range []string{`{"_id": 1}`, `{"_id": 2}`, `{"_id": 3}`} {
		actions = append(actions, indexed(goateetest.Insert("t.t", doc)))
	}
	failed, rest := goatee.SplitBatchError(newTimeMachine(t, es).Write(t.Context(), actions))
	require.NoError(t, rest)
	require.Len(t, failed, 1)
	require.Equal(t, 1, failed[0].Ordinal)
	require.Len(t, es.Docs("log.t.t.2024-05-17"), 2)
	require.Len(t, es.Docs("t.t"), 3)
}

// A delete strategy around a time machine takes its entries for no copies of the document.
func TestDeleteStrategiesGoAroundATimeMachine(t *testing.T) {
	es := fakees.New()
	b := newBulk(t, es)
	tm, err := sink.NewTimeMachine(b, sink.WithHistoryOfDeletes(true))
	require.NoError(t, err)
	s, err := sink.NewStateful(b, tm, newMemoryMeta())
	require.NoError(t, err)
	every, ok := goatee.As[goatee.EveryChange](s)
	require.True(t, ok && every.EveryChange())
	insert := indexed(goateetest.Insert("t.t", `{"_id": 1}`))
	insert.Index = "elsewhere"
	require.NoError(t, s.Write(t.Context(), []goatee.Action{insert}))
	gone := indexed(goateetest.Delete("t.t", 1))
	goateetest.At(gone.Change, evening, 2)
	require.NoError(t, s.Write(t.Context(), []goatee.Action{gone}))
	require.Empty(t, es.Docs("elsewhere"))
	require.Len(t, es.Docs("log.elsewhere.2024-05-17"), 2)
}

func TestMisuseOfATimeMachineNamesTheOption(t *testing.T) {
	for setting, opt := range map[string]sink.TimeMachineOption{
		"sink.WithHistoryNamespaces": sink.WithHistoryNamespaces("shop"),
		"sink.WithHistoryPrefix":     sink.WithHistoryPrefix("_log"),
		"sink.WithHistorySuffix":     sink.WithHistorySuffix("2006/01"),
		"sink.WithHistoryFields":     sink.WithHistoryFields("at", "at", "2006"),
	} {
		t.Run(setting, func(t *testing.T) {
			_, err := sink.NewTimeMachine(newBulk(t, fakees.New()), opt)
			var misuse *goatee.ConfigError
			require.True(t, errors.As(err, &misuse), err)
			require.Equal(t, setting, misuse.Setting)
		})
	}
	_, err := sink.NewTimeMachine(answering{})
	require.ErrorContains(t, err, "sink.NewTimeMachine")
}
