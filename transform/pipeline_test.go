package transform_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/plugin"
)

// syncAll runs changes through a whole pipeline and returns the dead letters by id.
func syncAll(t *testing.T, tr goatee.Transformer, sink goatee.Sink, changes ...*goatee.Change) map[string]error {
	t.Helper()
	var mu sync.Mutex
	letters := map[string]error{}
	s, err := goatee.New(
		goatee.WithSource(goateetest.NewSource("change-stream:", changes...)), goatee.WithTransformer(tr), goatee.WithSink(sink),
		goatee.WithObserver(goatee.Observer{DeadLetter: func(d goatee.DeadLetter) {
			mu.Lock()
			defer mu.Unlock()
			id, _ := transform.Text(d.DocumentID)
			letters[id] = d.Err
		}}))
	require.NoError(t, err)
	err = s.Run(t.Context())
	if len(letters) > 0 {
		require.ErrorIs(t, err, goatee.ErrRefused)
	} else {
		require.NoError(t, err)
	}
	return letters
}

func TestBadTransformersHarmOnlyTheirChange(t *testing.T) {
	synctest.Test(t, testBadTransformers)
}

func testBadTransformers(t *testing.T) {
	release := make(chan struct{})
	hang := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
		if do, _ := c.Document.Lookup("do").StringValueOK(); do == "hang" {
			<-release
		}
		return a, nil
	})
	unwritable := transform.Edit(func(_ context.Context, c *goatee.Change, a *goatee.Action) (err error) {
		switch do, _ := c.Document.Lookup("do").StringValueOK(); do {
		case "function":
			a.Document, err = goatee.DocumentOf(bson.M{"f": func() {}})
		case "namespace":
			a.Change = &goatee.Change{Namespace: c.Namespace} // an action without id
		}
		return err
	})
	tr := transform.Chain(goatee.TransformFunc(failOn), transform.Timeout(time.Minute, hang), unwritable,
		transform.Index(transform.Pattern(`shop\.(.*)`, "$1")))
	sink := goateetest.NewSink()
	letters := syncAll(t, tr, sink, doing("a"), doing("fail"), doing("panic"), doing("hang"), doing("function"),
		doing("namespace"), doing("skip"), goateetest.Insert("shop._bad", `{"_id": "index"}`), doing("b"))
	close(release)

	require.ErrorIs(t, letters["fail"], errBad)
	require.ErrorIs(t, letters["panic"], goatee.ErrPanic)
	require.ErrorIs(t, letters["hang"], context.DeadlineExceeded)
	require.ErrorContains(t, letters["function"], "f")
	require.ErrorContains(t, letters["index"], "_bad")
	require.Len(t, letters, 6)
	require.Equal(t, map[string]string{"a": `{"do":"a"}`, "b": `{"do":"b"}`}, sink.Documents("orders"))
}

func TestSharedDropIsADeadLetterAndDeletesNothing(t *testing.T) {
	sink := goateetest.NewSink()
	tr := transform.Index(transform.Exact("shop.orders", "all"), transform.Exact("shop.carts", "all"))
	letters := syncAll(t, tr, sink, goateetest.Insert("shop.orders", `{"_id": 1}`), goateetest.Drop("shop.carts"))
	require.Len(t, letters, 1)
	require.Equal(t, map[string]string{"1": `{}`}, sink.Documents("all"))
}

func TestTransformersAreDeterministicAndSafeForConcurrentUse(t *testing.T) {
	tr := transform.Chain(
		plugin.Filter(func(in *plugin.MapInput) (bool, error) { return in.Document["n"] != int32(3), nil }),
		goatee.TransformFunc(failOn),
		transform.For("blog", transform.Lookup(users(), "blog.users", "a", transform.WithCache(10, time.Hour))),
		transform.Omit("secret", "list.x"), transform.Rename("n", "m"), transform.Set("sub.field", "v"),
		transform.ForPattern(`b.*`, transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { m["doc"] = true; return m, nil })),
		byNumber, transform.RoutingField("m"),
		transform.Index(transform.Pattern(`(.*)\.(.*)`, "$1-$2")),
		transform.Timeout(time.Minute, plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
			in.Add(goatee.Action{ID: "copy"})
			return nil
		})),
	)
	var changes []*goatee.Change
	for i := range 40 {
		ns := []string{"blog.posts", "shop.orders"}[i%2]
		doc := fmt.Sprintf(`{"_id": %d, "n": %d, "a": %d, "secret": 1, "list": [{"x": 1, "y": 2}], "do": %q}`, i, i%7, i%4,
			[]string{"", "fail", "", "panic", "skip"}[i%5])
		changes = append(changes, goateetest.Insert(ns, doc), goateetest.Delete(ns, i))
	}
	goateetest.Deterministic(t, tr, changes...)
}

var byNumber = plugin.Map(func(in *plugin.MapInput) (*plugin.MapOutput, error) {
	n, _ := in.Document["m"].(int32)
	return &plugin.MapOutput{Passthrough: true, Drop: n == 5, Skip: n == 6}, nil
})
