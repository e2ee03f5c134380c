package transform_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

func TestChainIsLatestOnlyWhenAllOfItIs(t *testing.T) {
	latest := func(tr goatee.Transformer) bool { return tr.(goatee.LatestOnly).LatestOnly() }
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
