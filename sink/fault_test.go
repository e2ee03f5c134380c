package sink_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// states records what the observer is told: nil for up.
func states(into *[]error) sink.Option {
	return sink.WithObserver(goatee.Observer{State: func(s goatee.StateInfo) { *into = append(*into, s.Err) }})
}

func TestWholeRequestFaultsPassWithoutLoss(t *testing.T) {
	for name, f := range map[string]fakees.Fault{
		"503":                      {Status: 503, Body: `{"error":{"type":"master_not_discovered_exception"}}`},
		"429":                      {Status: 429},
		"502 of a proxy":           {Status: 502, Body: "<html>bad gateway</html>"},
		"401, an expired key":      {Status: 401},
		"403, a changed role":      {Status: 403, Body: `{"error":{"type":"security_exception","reason":"no"}}`},
		"404, a wrong route":       {Status: 404},
		"400 of a proxy":           {Status: 400, Body: "<html>400 Bad Request</html>"},
		"redirect":                 {Status: 302},
		"connection reset":         {Reset: true},
		"cut in the reply":         {Cut: true},
		"a proxy's page with 200":  {Reply: "<html>maintenance</html>"},
		"an empty 200":             {Status: 200},
		"other JSON":               {Reply: `{"ok":true}`},
		"truncated items":          {Reply: `{"errors":true,"items":[{"index":{"status":201}},{"index":{"sta`},
		"fewer items than actions": {Reply: `{"errors":true,"items":[{"index":{"status":201}}]}`},
		"more items than actions": {Reply: `{"errors":true,"items":[` +
			strings.TrimSuffix(strings.Repeat(`{"index":{"status":201}},`, 3), ",") + `]}`},
		"items without status": {Reply: `{"errors":true,"items":[{"index":{}},{"index":{}}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				es.FailNext(f, f, f, f, f)
				var seen []error
				b := newBulk(t, es, states(&seen))
				require.NoError(t, b.Write(t.Context(), []goatee.Action{
					index("a", 1, bson.M{"n": 1}), index("b", 2, bson.M{"n": 1}),
				}))
				require.Len(t, es.Docs("shop.orders"), 2)
				require.Len(t, es.Bulks(), 6)
				for _, r := range es.Bulks() {
					require.Equal(t, es.Bulks()[0].Body, r.Body)
				}
				require.EqualValues(t, 5, b.SinkStats().Retries)
				require.Len(t, seen, 2, "down once, up once: %v", seen)
				require.Error(t, seen[0])
				require.NoError(t, seen[1])
			})
		})
	}
}

func TestHungServerIsGivenUpAndAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.FailNext(fakees.Fault{Delay: time.Hour})
		var seen []error
		b := newBulk(t, es, sink.WithRequestTimeout(time.Second), states(&seen))
		start := time.Now()
		require.NoError(t, b.Write(t.Context(), []goatee.Action{index("a", 1, bson.M{})}))
		require.Less(t, time.Since(start), 3*time.Second)
		require.ErrorContains(t, seen[0], "no answer within 1s")
	})
}

func TestSlowServerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.FailNext(fakees.Fault{Delay: 50 * time.Second})
		require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{index("a", 1, bson.M{})}))
		require.Len(t, es.Bulks(), 1)
	})
}

func TestRetryAfterIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.FailNext(
			fakees.Fault{Status: 429, RetryAfter: "30"},
			fakees.Fault{Status: 503, RetryAfter: time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat)},
		)
		start := time.Now()
		require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{index("a", 1, bson.M{})}))
		require.InDelta(t, 90, time.Since(start).Seconds(), 1)
	})
}

func TestWriteEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.OnItem(func(fakees.Item) *fakees.ItemError { return &fakees.ItemError{Status: 429, Type: "busy"} })
		cause := errors.New("drain timed out")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(cause) })
		err := newBulk(t, es).Write(ctx, []goatee.Action{index("a", 1, bson.M{})})
		require.ErrorIs(t, err, cause)
		var batch *goatee.BatchError
		require.NotErrorAs(t, err, &batch, "nothing may be acknowledged")
		require.Less(t, len(es.Bulks()), 2000, "no hot loop")
		require.Greater(t, len(es.Bulks()), 300, "it went on trying")
	})
}

func TestOnlyTransientItemsAreSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		var busy atomic.Int32
		es.OnItem(func(i fakees.Item) *fakees.ItemError {
			switch {
			case i.ID == "bad":
				return &fakees.ItemError{Status: 400, Type: "mapper_parsing_exception", Reason: "failed to parse"}
			case i.ID == "busy" && busy.Add(1) <= 2:
				return &fakees.ItemError{Status: 429, Type: "es_rejected_execution_exception"}
			}
			return nil
		})
		actions := []goatee.Action{
			index("good", 1, bson.M{"n": 1}), index("busy", 2, bson.M{"n": 1}),
			index("bad", 3, bson.M{"n": 1}), index("fine", 4, bson.M{"n": 1}),
		}
		var seen []error
		b := newBulk(t, es, states(&seen))
		var batch *goatee.BatchError
		require.ErrorAs(t, b.Write(t.Context(), actions), &batch)
		require.Len(t, batch.Failed, 1)
		f := batch.Failed[0]
		require.Equal(t, 2, f.Ordinal)
		require.Equal(t, []any{"shop.orders", "bad", 400, "mapper_parsing_exception", "failed to parse"},
			[]any{f.Target.Index, f.Target.ID, f.Status, f.Type, f.Reason})

		require.Len(t, es.Docs("shop.orders"), 3)
		bulks := es.Bulks()
		require.Len(t, bulks, 3)
		for _, again := range bulks[1:] {
			require.Len(t, again.Items, 1)
			require.Equal(t, "busy", again.Items[0].ID)
		}
		require.Empty(t, seen, "a server that is busy for a moment is no news")
		s := b.SinkStats()
		require.EqualValues(t, []int64{3, 1, 2}, []int64{s.Indexed, s.Refused, s.Retries})
	})
}

func TestLaterActionsOfARetriedDocumentComeLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		first := true
		es.OnItem(func(i fakees.Item) *fakees.ItemError {
			if i.ID == "x" && i.Routing == "" && first {
				first = false
				return &fakees.ItemError{Status: 503, Type: "process_cluster_event_timeout_exception"}
			}
			return nil
		})
		unversioned := func(id string, n int) goatee.Action {
			a := index(id, 0, bson.M{"n": n})
			a.VersionType = goatee.VersionInternal
			return a
		}
		routed := unversioned("x", 3)
		routed.Routing = "r"
		require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{
			unversioned("w", 1), unversioned("x", 1), routed, unversioned("y", 1), unversioned("x", 2),
		}))
		bulks := es.Bulks()
		require.Len(t, bulks, 2)
		require.Len(t, bulks[1].Items, 2)
		require.Equal(t, `{"n":1}`, bulks[1].Items[0].Source)
		require.Equal(t, `{"n":2}`, bulks[1].Items[1].Source)
	})
}

// What a document does is no ill health of a server, and costs the others one more request at most.
func TestADocumentsOwnTroubleCostsOneMoreRequest(t *testing.T) {
	for name, tc := range map[string]struct {
		item  fakees.ItemError
		class goatee.ActionClass
	}{
		"a shard or the document": {
			fakees.ItemError{Status: 500, Type: "null_pointer_exception"}, goatee.ClassDoubtful,
		},
		"a document that contradicts itself": {
			fakees.ItemError{
				Status: 400, Type: "illegal_argument_exception",
				Reason: "mapper [prices] cannot be changed from type [long] to [float]",
			}, goatee.ClassRefused,
		},
		"an object where there is a value": {
			fakees.ItemError{
				Status: 400, Type: "illegal_argument_exception",
				Reason: "can't merge a non object mapping [a] with an object mapping",
			}, goatee.ClassRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				es.OnItem(func(i fakees.Item) *fakees.ItemError {
					if i.ID == "bad" {
						return &tc.item
					}
					return nil
				})
				var seen []error
				start := time.Now()
				failed, rest := goatee.SplitBatchError(newBulk(t, es, states(&seen)).Write(t.Context(), []goatee.Action{
					index("a", 1, bson.M{}), index("bad", 1, bson.M{}),
				}))
				require.NoError(t, rest)
				require.Len(t, failed, 1)
				require.Equal(t, []any{1, tc.class, tc.item.Status, tc.item.Type, 2},
					[]any{failed[0].Ordinal, failed[0].Class, failed[0].Status, failed[0].Type, failed[0].Attempts})
				require.Len(t, es.Bulks(), 2)
				require.Len(t, es.Bulks()[1].Items, 1)
				require.Zero(t, time.Since(start), "nothing waits")
				require.Empty(t, seen)
			})
		})
	}
}

func TestABlockedIndexIsReportedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.Block("frozen", true)
		var seen []error
		b := newBulk(t, es, states(&seen))
		start := time.Now()
		failed, rest := goatee.SplitBatchError(b.Write(t.Context(), []goatee.Action{
			index("a", 1, bson.M{}), placed(index("b", 2, bson.M{}), "frozen", "r", ""), index("c", 1, bson.M{}),
		}))
		require.NoError(t, rest)
		require.Len(t, failed, 1)
		require.Equal(t, []any{1, goatee.ClassBlocked, goatee.Target{Index: "frozen", ID: "b", Routing: "r"}, 403, 1},
			[]any{failed[0].Ordinal, failed[0].Class, failed[0].Target, failed[0].Status, failed[0].Attempts})
		require.Len(t, es.Docs("shop.orders"), 2)
		require.Len(t, es.Bulks(), 1)
		require.Zero(t, time.Since(start))
		require.Empty(t, seen)
		require.Zero(t, b.SinkStats().Refused)
	})
}

// What is written again later must not overtake what came after it.
func TestUnversionedActionsBehindABlockedOneAreWrittenAgainAfterIt(t *testing.T) {
	for name, versioned := range map[string]bool{"without versions": false, "with versions": true} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			first := true
			es.OnItem(func(i fakees.Item) *fakees.ItemError {
				if i.ID == "x" && first {
					first = false
					return &fakees.ItemError{Status: 403, Type: "cluster_block_exception"}
				}
				return nil
			})
			action := func(id string, n uint32) goatee.Action {
				a := index(id, n, bson.M{"n": n})
				if !versioned {
					a.VersionType = goatee.VersionInternal
				}
				return a
			}
			actions := []goatee.Action{action("x", 1), action("y", 1), action("x", 2)}
			b := newBulk(t, es, sink.WithMaxActions(2))
			failed, rest := goatee.SplitBatchError(b.Write(t.Context(), actions))
			require.NoError(t, rest)
			var again []goatee.Action
			for _, f := range failed {
				require.Equal(t, goatee.ClassBlocked, f.Class)
				again = append(again, actions[f.Ordinal])
			}
			require.Len(t, again, map[bool]int{true: 1, false: 2}[versioned])
			require.NoError(t, b.Write(t.Context(), again))
			d, _ := es.Get("shop.orders", "x")
			require.Equal(t, `{"n":2}`, d.Source)
		})
	}
}

// Older servers answer 400 to the whole request for a pipeline that does not exist.
func TestWhole400ForAPipelineIsBlockedForItsActionsOnly(t *testing.T) {
	es := fakees.New()
	refuse := refuser{es, []string{`"_id":"17"`}, "pipeline with id [p] does not exist"}
	var actions []goatee.Action
	for i := range 40 {
		actions = append(actions, index(i, 1, bson.M{"n": i}))
	}
	failed, rest := goatee.SplitBatchError(newBulk(t, refuse).Write(t.Context(), actions))
	require.NoError(t, rest)
	require.Len(t, failed, 1)
	require.Equal(t, []any{17, goatee.ClassBlocked, "illegal_argument_exception"},
		[]any{failed[0].Ordinal, failed[0].Class, failed[0].Type})
	require.Len(t, es.Docs("shop.orders"), 39)
}

func TestBulkRequestsCarryATimeoutForShards(t *testing.T) {
	for want, opts := range map[string][]sink.Option{
		"timeout=5000ms": nil,
		"timeout=1500ms": {sink.WithShardTimeout(1500 * time.Millisecond)},
		"timeout=500ms":  {sink.WithRequestTimeout(time.Second)},
	} {
		q := &queries{Server: fakees.New()}
		require.NoError(t, newBulk(t, q, opts...).Write(t.Context(), []goatee.Action{index("a", 1, bson.M{})}))
		require.Contains(t, q.last, want)
	}
}

// queries remembers the query of the last request.
type queries struct {
	*fakees.Server
	last string
}

func (q *queries) Perform(r *http.Request) (*http.Response, error) {
	q.last = r.URL.RawQuery
	return q.Server.Perform(r)
}

// A busy or restarting Elasticsearch has used up no attempts of an item that is in doubt for the first time.
func TestDoubtIsCountedByItem(t *testing.T) {
	for name, before := range map[string]fakees.ItemError{
		"after items that were told to wait": {Status: 429, Type: "es_rejected_execution_exception"},
		"after requests that failed whole":   {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				attempts := 0
				es.OnItem(func(fakees.Item) *fakees.ItemError {
					switch attempts++; {
					case before.Status != 0 && attempts <= 10:
						return &before
					case before.Status != 0 && attempts == 11, before.Status == 0 && attempts == 1:
						return &fakees.ItemError{Status: 500, Type: "null_pointer_exception"}
					}
					return nil
				})
				if before.Status == 0 {
					for range 10 {
						es.FailNext(fakees.Fault{Status: 503})
					}
				}
				require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{index("a", 1, bson.M{})}))
				require.Len(t, es.Docs("shop.orders"), 1)
			})
		})
	}
}

func TestLosersOfAMappingRaceAreSentAgain(t *testing.T) {
	for name, reason := range map[string]string{
		"7.17": "mapper [amount] cannot be changed from type [float] to [long]",
		"7.0":  "mapper [amount] of different type, current_type [float], merged_type [long]",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				first := true
				es.OnItem(func(fakees.Item) *fakees.ItemError {
					if !first {
						return nil
					}
					first = false
					return &fakees.ItemError{Status: 400, Type: "illegal_argument_exception", Reason: reason}
				})
				require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{index("a", 1, bson.M{"amount": 10})}))
				require.Len(t, es.Docs("shop.orders"), 1)
			})
		})
	}
}

func TestWhole400IsBisectedToTheOffender(t *testing.T) {
	es := fakees.New()
	var actions []goatee.Action
	for i := range 100 {
		actions = append(actions, index(i, 1, bson.M{"n": i}))
	}
	// Elasticsearch refuses the whole request for these two, as it does for an update with a version.
	refuse := refuser{es, []string{`"_id":"17"`, `"_id":"83"`}, "no"}
	var batch *goatee.BatchError
	require.ErrorAs(t, newBulk(t, refuse).Write(t.Context(), actions), &batch)
	require.Len(t, batch.Failed, 2)
	require.Equal(t, "17", batch.Failed[0].Target.ID)
	require.Equal(t, "83", batch.Failed[1].Target.ID)
	require.Equal(t, 400, batch.Failed[0].Status)
	require.ErrorContains(t, batch.Failed[0], "illegal_argument_exception")
	require.Len(t, es.Docs("shop.orders"), 98)
}

// refuser answers 400 to requests that hold one of the words.
type refuser struct {
	*fakees.Server
	words  []string
	reason string
}

func (r refuser) Perform(req *http.Request) (*http.Response, error) {
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	text := new(strings.Builder)
	if _, err := io.Copy(text, body); err != nil {
		return nil, err
	}
	for _, w := range r.words {
		if strings.Contains(text.String(), w) {
			r.FailNext(fakees.Fault{Status: 400, Body: `{"error":{"type":"illegal_argument_exception","reason":"` + r.reason + `"},"status":400}`})
			break
		}
	}
	return r.Server.Perform(req)
}

func Test413SplitsDownToTheSingleAction(t *testing.T) {
	es := fakees.New()
	es.MaxContentLength = 100_000
	big := strings.Repeat("x", 200_000)
	var actions []goatee.Action
	for i := range 40 {
		actions = append(actions, index(i, 1, bson.M{"text": big[:9_000]}))
	}
	actions[20] = index("giant", 1, bson.M{"text": big})
	b := newBulk(t, es)
	var batch *goatee.BatchError
	require.ErrorAs(t, b.Write(t.Context(), actions), &batch)
	require.Len(t, batch.Failed, 1)
	require.Equal(t, "giant", batch.Failed[0].Target.ID)
	require.Equal(t, 413, batch.Failed[0].Status)
	require.ErrorContains(t, batch.Failed[0], "http.max_content_length")
	require.Len(t, es.Docs("shop.orders"), 39)

	before := len(es.Bulks())
	require.NoError(t, b.Write(t.Context(), actions[:20]))
	for _, r := range es.Bulks()[before:] {
		require.LessOrEqual(t, len(r.Body), es.MaxContentLength, "the size is remembered")
	}
}

func TestBodiesAreCut(t *testing.T) {
	var actions []goatee.Action
	for i := range 100 {
		actions = append(actions, index(i, 1, bson.M{"text": strings.Repeat("x", 900)}))
	}
	actions[50] = index("big", 1, bson.M{"text": strings.Repeat("x", 50_000)})
	t.Run("by bytes", func(t *testing.T) {
		es := fakees.New()
		require.NoError(t, newBulk(t, es, sink.WithMaxBytes(10_000)).Write(t.Context(), actions))
		require.Len(t, es.Docs("shop.orders"), 100)
		for _, r := range es.Bulks() {
			require.True(t, len(r.Body) <= 10_000 || len(r.Items) == 1, "%d bytes", len(r.Body))
		}
		require.Len(t, es.Bulks(), 6+1+6)
	})
	t.Run("by actions", func(t *testing.T) {
		es := fakees.New()
		require.NoError(t, newBulk(t, es, sink.WithMaxActions(30)).Write(t.Context(), actions))
		require.Len(t, es.Bulks(), 4)
	})
}

func TestGzip(t *testing.T) {
	es := fakees.New()
	es.FailNext(fakees.Fault{Status: 503})
	b := newBulk(t, es, sink.WithGzip(true), sink.WithBackoff(1, 1))
	for i := range 3 {
		require.NoError(t, b.Write(t.Context(), []goatee.Action{index(i, 1, bson.M{"text": strings.Repeat("x", 900)})}))
	}
	require.Len(t, es.Docs("shop.orders"), 3)
	require.Equal(t, "gzip", es.Bulks()[0].Encoding)
}
