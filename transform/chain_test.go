package transform_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

var errBad = errors.New("bad document")

// failOn fails, or panics, for documents whose field do says so.
func failOn(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	switch do, _ := c.Document.Lookup("do").StringValueOK(); do {
	case "fail":
		return nil, errBad
	case "panic":
		panic("no such field")
	case "skip":
		return nil, nil
	}
	return actions, nil
}

// batched records the namespaces and ids of every batch it gets.
type batched struct {
	sizes []int
	do    func(items []goatee.Item) error
}

func (b *batched) Transform(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) {
	panic("a batch transformer was called change by change")
}

func (b *batched) TransformBatch(_ context.Context, items []goatee.Item) error {
	b.sizes = append(b.sizes, len(items))
	if b.do != nil {
		return b.do(items)
	}
	return nil
}

func run(t *testing.T, tr goatee.Transformer, changes ...*goatee.Change) []goatee.Item {
	t.Helper()
	items, err := goateetest.Run(context.Background(), tr, changes...)
	require.NoError(t, err)
	return items
}

func doing(what string) *goatee.Change {
	return goateetest.Insert("shop.orders", `{"_id": "`+what+`", "do": "`+what+`"}`)
}

func TestChainFailsOnlyTheChangeThatFailed(t *testing.T) {
	b := &batched{}
	tr := transform.Chain(goatee.TransformFunc(failOn), b)
	items := run(t, tr, doing("a"), doing("fail"), doing("b"), doing("panic"), doing("skip"), doing("c"))

	require.NoError(t, items[0].Err)
	require.ErrorIs(t, items[1].Err, errBad)
	require.ErrorIs(t, items[3].Err, goatee.ErrPanic)
	require.ErrorContains(t, items[3].Err, "no such field")
	require.ErrorContains(t, items[3].Err, "chain_test.go:", "the stack tells the line")
	require.Empty(t, items[4].Actions)
	require.Equal(t, []int{3}, b.sizes, "the rest of the batch goes on as one")
	for _, i := range []int{0, 2, 5} {
		require.NoError(t, items[i].Err)
		require.Len(t, items[i].Actions, 1)
	}
}

func TestChainPutsBatchResultsBackWhereTheyBelong(t *testing.T) {
	mark := &batched{do: func(items []goatee.Item) error {
		for i := range items {
			items[i].Actions[0].Routing = items[i].Change.ID.StringValue()
		}
		return nil
	}}
	items := run(t, transform.Chain(goatee.TransformFunc(failOn), mark), doing("a"), doing("fail"), doing("b"))
	require.Equal(t, "a", items[0].Actions[0].Routing)
	require.ErrorIs(t, items[1].Err, errBad)
	require.Equal(t, "b", items[2].Actions[0].Routing)
}

func TestErrorOfABatchFailsWhatTheBatchHeld(t *testing.T) {
	for name, do := range map[string]func([]goatee.Item) error{
		"error": func([]goatee.Item) error { return errBad },
		"panic": func([]goatee.Item) error { panic(errBad) },
	} {
		t.Run(name, func(t *testing.T) {
			items := run(t, transform.Chain(transform.For("shop.orders", &batched{do: do})),
				doing("a"), goateetest.Insert("shop.other", `{"_id": 1}`))
			require.ErrorIs(t, items[0].Err, errBad)
			require.NoError(t, items[1].Err)
		})
	}
}

// A failing batch of another package's is called again with fewer changes, from their actions as they were.
func TestABatchThatFailsIsDividedDownToWhatIsToBlame(t *testing.T) {
	for name, failure := range map[string]func(){
		"error": nil,
		"panic": func() { panic(errBad) },
	} {
		t.Run(name, func(t *testing.T) {
			poisoned := &batched{do: func(items []goatee.Item) error {
				for i := range items {
					a := &items[i].Actions[0]
					a.Routing += "once"
					m, err := a.Body().Map()
					require.NoError(t, err)
					m["n"] = m["n"].(int32) + 1
				}
				for _, it := range items {
					if do, _ := it.Change.Document.Lookup("do").StringValueOK(); do == "poison" {
						if failure != nil {
							failure()
						}
						return errBad
					}
				}
				return nil
			}}
			var changes []*goatee.Change
			for i := range 100 {
				do := ""
				if i == 41 || i == 42 {
					do = "poison"
				}
				changes = append(changes, goateetest.Insert("shop.orders", bson.M{"_id": i, "n": 1, "do": do}))
			}
			for _, before := range []goatee.Transformer{transform.Set("x", 1), decode} {
				for i, it := range run(t, transform.Chain(before, transform.For("shop", poisoned)), changes...) {
					if i == 41 || i == 42 {
						require.ErrorIs(t, it.Err, errBad)
						continue
					}
					require.NoError(t, it.Err)
					require.Equal(t, "once", it.Actions[0].Routing)
					require.EqualValues(t, 2, it.Actions[0].Body().Lookup("n").Int32())
					require.EqualValues(t, 1, it.Change.Document.Lookup("n").Int32())
				}
			}
		})
	}
}

func TestABatchThatAsksToBeTriedAgainIsNotDivided(t *testing.T) {
	busy := &batched{do: func([]goatee.Item) error { return goatee.Retry(errBad) }}
	items := run(t, transform.Chain(busy), doing("a"), doing("b"))
	require.Equal(t, []int{2}, busy.sizes)
	requireRetry(t, items[0].Err)
	requireRetry(t, items[1].Err)
}

func requireRetry(t *testing.T, err error) {
	t.Helper()
	var temporary interface{ Temporary() bool }
	require.ErrorIs(t, err, errBad)
	require.ErrorAs(t, err, &temporary)
	require.True(t, temporary.Temporary())
}

func TestRetryPassesThroughEverything(t *testing.T) {
	retry := goatee.TransformFunc(func(context.Context, *goatee.Change, []goatee.Action) ([]goatee.Action, error) {
		return nil, goatee.Retry(errBad)
	})
	users := goateetest.NewCollections()
	users.Fail(goatee.Retry(errBad))
	for name, tr := range map[string]goatee.Transformer{
		"Chain":       transform.Chain(retry),
		"For":         transform.For("shop", retry),
		"ForPattern":  transform.ForPattern(`shop\..*`, retry),
		"Latest":      transform.Latest(retry),
		"Timeout":     transform.Timeout(time.Minute, retry),
		"AskOnDelete": transform.AskOnDelete(retry),
		"Lookup":      transform.Lookup(users, "blog.users", "do"),
		"Doc":         transform.Doc(func(context.Context, bson.M) (bson.M, error) { return nil, goatee.Retry(errBad) }),
		"Edit":        transform.Edit(func(context.Context, *goatee.Change, *goatee.Action) error { return goatee.Retry(errBad) }),
	} {
		t.Run(name, func(t *testing.T) { requireRetry(t, run(t, tr, doing("a"))[0].Err) })
	}
}

// instrumented is a transformer that can do more than transform.
type instrumented struct {
	goatee.TransformFunc
	loggers *[]*slog.Logger
	check   error
}

func (i instrumented) Instrument(logger *slog.Logger, _ goatee.Observer) {
	*i.loggers = append(*i.loggers, logger)
}
func (i instrumented) LatestOnly() bool            { return true }
func (i instrumented) Check(context.Context) error { return i.check }

func TestCapabilitiesAreFoundThroughWrappers(t *testing.T) {
	var loggers []*slog.Logger
	inner := instrumented{failOn, &loggers, errBad}
	wrapped := struct{ goatee.Transformer }{inner} // a wrapper that knows nothing
	all := transform.Chain(transform.For("shop", wrapped), transform.AskOnDelete(wrapped), transform.Timeout(time.Minute, wrapped),
		transform.Latest(wrapped), transform.Chain(wrapped))
	latest, ok := goatee.As[goatee.LatestOnly](all)
	require.True(t, ok && latest.LatestOnly())
	check, ok := goatee.As[goatee.Checker](all)
	require.True(t, ok)
	require.ErrorIs(t, check.Check(t.Context()), errBad)
	i, ok := goatee.As[goatee.Instrumented](all)
	require.True(t, ok)
	i.Instrument(slog.Default(), goatee.Observer{})
	require.Len(t, loggers, 5)
}

// A wrapper that has no batch form must not be passed over in favour of what it wraps.
func TestAWrapperWithoutABatchFormIsCalled(t *testing.T) {
	wrapped := marking{transform.Set("a", 1)}
	items := run(t, transform.Chain(wrapped), doing("a"))
	require.Equal(t, "marked", items[0].Actions[0].Routing)
}

type marking struct{ goatee.Transformer }

func (m marking) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	actions, err := m.Transformer.Transform(ctx, c, actions)
	for i := range actions {
		actions[i].Routing = "marked"
	}
	return actions, err
}

func TestTransformersLeaveTheChangeAsItWas(t *testing.T) {
	edit := func(m bson.M) { m["sub"].(bson.M)["a"] = "edited"; m["more"] = 1 }
	function := func(d *goatee.Document) (string, error) {
		m, err := d.Map()
		edit(m)
		return "x", err
	}
	for name, tr := range map[string]goatee.Transformer{
		"Doc": transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { edit(m); return m, nil }),
		"Edit": transform.Edit(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
			m, err := a.Body().Map()
			edit(m)
			return err
		}),
		"Drop":    transform.Drop(func(d *goatee.Document) bool { _, _ = function(d); return true }),
		"Routing": transform.Routing(function),
		"Join": transform.Join("j", func(d *goatee.Document) (transform.Relation, error) {
			_, err := function(d)
			return transform.Relation{Name: "n"}, err
		}),
		"raw":     transform.Chain(transform.Omit("sub"), transform.Set("a", 1)),
		"dropped": transform.Chain(transform.Drop(func(*goatee.Document) bool { return true }), transform.Routing(function)),
	} {
		for _, tr := range []goatee.Transformer{tr, transform.Timeout(time.Minute, tr)} {
			items := run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1, "sub": {"a": 1}}`),
				goateetest.DeleteOf("shop.orders", `{"_id": 2, "sub": {"a": 1}}`))
			require.NoError(t, items[0].Err, name)
			require.Equal(t, `{"sub":{"a":1}}`, lineOf(t, items[0].Change), name)
			require.EqualValues(t, 1, items[1].Change.Before.Lookup("sub", "a").Int32(), name)
		}
	}
}

func TestChainIsLatestOnlyWhenAllOfItIs(t *testing.T) {
	latest := func(tr goatee.Transformer) bool {
		l, ok := goatee.As[goatee.LatestOnly](tr)
		return ok && l.LatestOnly()
	}
	keep := transform.Keep(func(*goatee.Change) bool { return true })
	require.True(t, latest(transform.Chain()))
	require.True(t, latest(transform.Chain(transform.Omit("a"), transform.For("shop", transform.RoutingField("b")))))
	require.False(t, latest(transform.Chain(transform.Omit("a"), keep)))
	require.False(t, latest(transform.Chain(transform.For("shop", keep))))
	require.False(t, latest(transform.Chain(&batched{})), "another package's that does not say")
	require.True(t, latest(transform.Chain(transform.Latest(keep))))
}

func TestMisuseIsReportedBeforeAnythingIsRead(t *testing.T) {
	for name, tr := range map[string]goatee.Transformer{
		"Chain":           transform.Chain(nil),
		"For":             transform.For("", transform.Omit("a")),
		"For nil":         transform.For("shop", nil),
		"ForPattern":      transform.ForPattern("(", transform.Omit("a")),
		"Keep":            transform.Keep(nil),
		"Drop":            transform.Drop(nil),
		"Doc":             transform.Doc(nil),
		"Typed":           transform.Typed[struct{}](nil),
		"Edit":            transform.Edit(nil),
		"Join":            transform.Join("j", nil),
		"Omit":            transform.Omit(),
		"Omit empty name": transform.Omit("a..b"),
		"Rename moves":    transform.Rename("a.b", "c.b"),
		"Set":             transform.Set("a", make(chan int)),
		"Index":           transform.Index(transform.Exact("shop.orders", "no spaces")),
		"Index twice":     transform.Index(transform.Exact("a.b", "c"), transform.Exact("a.b", "d")),
		"Index namespace": transform.Index(transform.Exact("shop", "x")),
		"Index group":     transform.Index(transform.Pattern("shop.orders", "orders-$1")),
		"Index zero":      transform.Index(transform.IndexRule{}),
		"Version":         transform.Version("v", goatee.VersionInternal),
		"Pipeline":        transform.Pipeline(""),
		"RetryOnConflict": transform.RetryOnConflict(-1),
		"Timeout":         transform.Timeout(0, transform.Omit("a")),
		"Latest":          transform.Latest(nil),
	} {
		t.Run(name, func(t *testing.T) {
			inner := transform.Chain(transform.For("shop.orders", tr))
			err := inner.(goatee.Checker).Check(context.Background())
			var config *goatee.ConfigError
			require.ErrorAs(t, err, &config)
			require.True(t, strings.HasPrefix(config.Setting, "transform."), config.Setting)

			items := []goatee.Item{{Change: doing("a"), Actions: []goatee.Action{{Change: doing("a")}}}}
			if err := tr.(goatee.BatchTransformer).TransformBatch(context.Background(), items); err == nil {
				err = items[0].Err
				require.Error(t, err, "unchecked, every change fails")
			}
		})
	}
}

func TestPassThroughDoesNotAllocatePerChange(t *testing.T) {
	tr := transform.Chain(
		transform.For("shop.orders", transform.Keep(func(*goatee.Change) bool { return true })),
		transform.For("blog", transform.Omit("a")),
		transform.ForPattern("b.*", transform.Omit("a")),
		transform.Index(transform.Exact("shop.orders", "orders")),
		transform.Pipeline("p"),
	).(goatee.BatchTransformer)
	c := doing("a")
	items := make([]goatee.Item, 1000)
	actions := make([]goatee.Action, len(items))
	allocs := testing.AllocsPerRun(10, func() {
		for i := range items {
			actions[i] = goatee.Action{Change: c}
			items[i] = goatee.Item{Change: c, Actions: actions[i : i+1 : i+1]}
		}
		require.NoError(t, tr.TransformBatch(context.Background(), items))
	})
	require.Less(t, allocs, 20.0)
}

func TestOneByOneIsAsTheBatch(t *testing.T) {
	changes := []*goatee.Change{
		goateetest.Insert("shop.orders", `{"_id": 1, "a": 1, "score": 200}`),
		goateetest.Insert("shop.orders", `{"_id": 2, "a": 9, "score": -3, "do": "fail"}`),
		goateetest.DeleteOf("shop.orders", `{"_id": 3, "a": 2, "score": 100}`),
		goateetest.Drop("shop.orders"),
	}
	for name, tr := range map[string]goatee.Transformer{
		"Chain":       transform.Chain(goatee.TransformFunc(failOn), transform.Omit("a")),
		"For":         transform.For("shop", transform.Omit("a")),
		"raw edit":    transform.Set("b", 1),
		"Lookup":      transform.Lookup(users(), "blog.users", "a"),
		"AskOnDelete": transform.AskOnDelete(byScore),
		"Latest":      transform.Latest(byScore),
		"Index":       transform.Index(transform.Exact("shop.orders", "x")),
		"Timeout":     transform.Timeout(time.Minute, goatee.TransformFunc(failOn)),
	} {
		t.Run(name, func(t *testing.T) {
			single := goatee.TransformFunc(tr.Transform)
			for _, c := range changes {
				want, wantErr := goateetest.NDJSON(tr, c)
				got, err := goateetest.NDJSON(single, c)
				require.Equal(t, want, got)
				require.Equal(t, wantErr, err)
			}
		})
	}
}
