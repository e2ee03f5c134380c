package plugin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/plugin"
)

var errBad = errors.New("bad document")

func mapped(out plugin.MapOutput) goatee.Transformer {
	return plugin.Map(func(*plugin.MapInput) (*plugin.MapOutput, error) { return &out, nil })
}

func TestMapInputIsThatOfAPlugin(t *testing.T) {
	var got plugin.MapInput
	tr := plugin.Map(func(in *plugin.MapInput) (*plugin.MapOutput, error) {
		got = *in
		return nil, nil
	})
	doc := `{"_id": 1, "at": {"$date": "2020-01-01T00:00:00Z"}, "list": [{"a": {"$date": "2020-01-01T00:00:00Z"}}], "sub": {"b": 2}}`
	run(t, tr, goateetest.Update("shop.orders.eu", doc, `{"sub.b": 2}`, "gone"))
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	require.Equal(t, map[string]any{
		"_id": int32(1), "at": at, "list": []any{map[string]any{"a": at}}, "sub": map[string]any{"b": int32(2)},
	}, got.Document)
	require.IsType(t, []any{}, got.Document["list"])
	require.Equal(t, []string{"shop", "orders.eu", "shop.orders.eu", "u"}, []string{got.Database, got.Collection, got.Namespace, got.Operation})
	require.Equal(t, []any{"gone"}, got.UpdateDescription["removedFields"])
	run(t, tr, goateetest.Read("shop.orders", `{"_id": 1}`))
	require.Equal(t, "i", got.Operation)
	require.Nil(t, got.UpdateDescription)
}

func TestMapOutput(t *testing.T) {
	c := goateetest.Insert("shop.orders", `{"_id": 1, "a": 1}`)
	tr := mapped(plugin.MapOutput{
		Document: map[string]any{"b": []any{time.Unix(0, 0)}}, Index: "Own", ID: "i", Routing: "r", Pipeline: "p",
		Version: 5, VersionType: "external", Type: "ignored", RetryOnConflict: 2,
	})
	require.Equal(t, `{"index":{"_index":"Own","_id":"i","routing":"r","version":5,"version_type":"external","pipeline":"p"}}
{"b":["1970-01-01T00:00:00.000Z"]}
`, goateetest.Actions(t, tr, c))
	passed := mapped(plugin.MapOutput{Passthrough: true, Routing: "r"})
	require.Contains(t, goateetest.Actions(t, passed, c), `"routing":"r"`)
	require.Equal(t, `{"a":1}`, written(t, passed, `{"_id": 1, "a": 1}`))
	require.EqualValues(t, 2, first(t, tr, c).RetryOnConflict)
	internal := mapped(plugin.MapOutput{Passthrough: true, VersionType: "internal"})
	require.NotContains(t, goateetest.Actions(t, internal, c), "version")
}

func TestMapOutputThatMakesNoSenseFailsTheChange(t *testing.T) {
	for want, out := range map[string]plugin.MapOutput{
		"Join":            {Passthrough: true, Parent: "p"},
		"Passthrough":     {},
		"external_gte":    {Passthrough: true, VersionType: "newest"},
		"RetryOnConflict": {Passthrough: true, RetryOnConflict: -1},
	} {
		require.ErrorContains(t, run(t, mapped(out), goateetest.Insert("shop.orders", `{"_id": 1}`))[0].Err, want)
	}
}

func TestMapEditsCountOnlyWhenReturned(t *testing.T) {
	tr := plugin.Map(func(in *plugin.MapInput) (*plugin.MapOutput, error) {
		in.Document["a"] = 2
		return &plugin.MapOutput{Passthrough: true}, nil
	})
	require.Equal(t, `{"a":1}`, written(t, tr, `{"_id": 1, "a": 1}`))
	require.Equal(t, `{"a":1}`, written(t, transform.Chain(decode, tr), `{"_id": 1, "a": 1}`))
}

func TestProcessSeesEveryChange(t *testing.T) {
	var got []string
	tr := plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
		require.Equal(t, primitive.Timestamp{T: 1_700_000_000, I: 1}, in.Timestamp)
		text, err := bson.MarshalExtJSON(in.Document, false, false)
		require.NoError(t, err)
		got = append(got, in.Operation+" "+in.Namespace+" "+string(text))
		return nil
	})
	upper := transform.Set("a", "edited")
	run(t, transform.Chain(upper, tr),
		goateetest.Insert("shop.orders", `{"_id": 1}`), goateetest.Update("shop.orders", `{"_id": 2}`, nil),
		goateetest.Delete("shop.orders", "x"), goateetest.Drop("shop.orders"), goateetest.DropDatabase("shop"))
	require.Equal(t, []string{
		`i shop.orders {"_id":1}`, `u shop.orders {"_id":2}`, `d shop.orders {"_id":"x"}`,
		`c shop.orders {"drop":"orders"}`, `c shop {"dropDatabase":"shop"}`,
	}, got)
}

func TestProcessAddsActionsOfTheChange(t *testing.T) {
	tr := plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
		d, err := goatee.DocumentOf(bson.M{"order": in.Document["_id"]})
		in.Add(goatee.Action{Index: "log", ID: "a", Document: d})
		in.Add(goatee.Action{Kind: goatee.ActionDelete, Index: "carts"})
		return err
	})
	items := run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1}`))
	for _, a := range items[0].Actions {
		require.Same(t, items[0].Change, a.Change)
	}
	require.Equal(t, `{"index":{"_index":"shop.orders","_id":"1","version":7301444403200000001,"version_type":"external_gte"}}
{}
{"index":{"_index":"log","_id":"a","version":7301444403200000001,"version_type":"external_gte"}}
{"order":1}
{"delete":{"_index":"carts","_id":"1","version":7301444403200000001,"version_type":"external_gte"}}
`, goateetest.Actions(t, tr, goateetest.Insert("shop.orders", `{"_id": 1}`)))

	failing := plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
		in.Add(goatee.Action{ID: "a"})
		return errBad
	})
	require.ErrorIs(t, run(t, failing, goateetest.Insert("shop.orders", `{"_id": 1}`))[0].Err, errBad)
}

func TestFanOutToAThousandActions(t *testing.T) {
	tr := transform.Chain(plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
		for i := range 1000 {
			in.Add(goatee.Action{ID: strings.Repeat("x", i%500+1)})
		}
		return nil
	}), transform.Omit("a"), transform.RoutingField("r"))
	items := run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1, "a": 1, "r": "q"}`))
	require.Len(t, items[0].Actions, 1001)
	for _, a := range items[0].Actions {
		require.Equal(t, "q", a.Routing)
	}
}

func TestWithoutAFunctionEveryChangeFails(t *testing.T) {
	for name, tr := range map[string]goatee.Transformer{
		"plugin.Map": plugin.Map(nil), "plugin.Filter": plugin.Filter(nil), "plugin.Process": plugin.Process(nil),
	} {
		var config *goatee.ConfigError
		require.ErrorAs(t, transform.Chain(tr).(goatee.Checker).Check(t.Context()), &config)
		require.Equal(t, name, config.Setting)
		_, err := tr.Transform(t.Context(), goateetest.Insert("shop.orders", `{"_id": 1}`), nil)
		require.ErrorAs(t, err, &config)
	}
}

func TestInputsAreNotTheChangesOwn(t *testing.T) {
	edit := func(m map[string]any) { m["sub"].(map[string]any)["a"] = "edited" }
	for name, tr := range map[string]goatee.Transformer{
		"Map": plugin.Map(func(in *plugin.MapInput) (*plugin.MapOutput, error) {
			edit(in.Document)
			return &plugin.MapOutput{Document: in.Document}, nil
		}),
		"Filter": plugin.Filter(func(in *plugin.MapInput) (bool, error) { edit(in.Document); return true, nil }),
		"Process": plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
			in.Document["sub"].(bson.M)["a"] = "edited"
			return nil
		}),
	} {
		items := run(t, tr, goateetest.Insert("shop.orders", `{"_id": 1, "sub": {"a": 1}}`))
		require.NoError(t, items[0].Err, name)
		require.EqualValues(t, 1, items[0].Change.Document.Lookup("sub", "a").Int32(), name)
	}
}
