package transform_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/plugin"
)

// kinds is what becomes of changes: the kinds of their actions, "-" for none, "!" for an error.
func kinds(t *testing.T, tr goatee.Transformer, changes ...*goatee.Change) (out []string) {
	t.Helper()
	for _, it := range run(t, tr, changes...) {
		switch {
		case it.Err != nil:
			out = append(out, "!")
		case len(it.Actions) == 0:
			out = append(out, "-")
		}
		for _, a := range it.Actions {
			if it.Err == nil {
				out = append(out, a.Kind.String())
			}
		}
	}
	return out
}

func TestWhatBecomesOfEachOperation(t *testing.T) {
	const ns = "shop.orders"
	changes := []*goatee.Change{
		goateetest.Insert(ns, `{"_id": 1}`),
		goateetest.Update(ns, `{"_id": 1}`, nil),
		goateetest.Replace(ns, `{"_id": 1}`),
		goateetest.Read(ns, `{"_id": 1}`),
		goateetest.Delete(ns, 1),
		goateetest.Drop(ns),
		goateetest.DropDatabase("shop"),
		goateetest.Rename(ns, "shop.sold"),
	}
	ignored := []string{"-", "-", "-", "-", "delete", "drop", "drop", "drop"}
	deleted := []string{"delete", "delete", "delete", "delete", "delete", "drop", "drop", "drop"}
	failed := []string{"!", "!", "!", "!", "delete", "drop", "drop", "drop"}
	for name, test := range map[string]struct {
		tr   goatee.Transformer
		want []string
	}{
		"Keep":   {transform.Keep(func(*goatee.Change) bool { return false }), ignored},
		"Filter": {plugin.Filter(func(*plugin.MapInput) (bool, error) { return false, nil }), ignored},
		"Filter error": {
			plugin.Filter(func(*plugin.MapInput) (bool, error) { return true, errors.New("x") }), failed,
		},
		"Skip": {
			transform.Skip(func(*goatee.Change) bool { return true }),
			[]string{"-", "-", "-", "-", "-", "-", "-", "-"},
		},
		"Drop":    {transform.Drop(func(*goatee.Document) bool { return true }), deleted},
		"Doc nil": {transform.Doc(func(context.Context, bson.M) (bson.M, error) { return nil, nil }), deleted},
		"Typed nil": {
			transform.Typed(func(context.Context, bson.M) (any, error) { return (*struct{})(nil), nil }), deleted,
		},
		"Map drop": {
			plugin.Map(func(*plugin.MapInput) (*plugin.MapOutput, error) {
				return &plugin.MapOutput{Drop: true}, nil
			}), deleted,
		},
		"Map skip": {
			plugin.Map(func(*plugin.MapInput) (*plugin.MapOutput, error) {
				return &plugin.MapOutput{Skip: true}, nil
			}), ignored,
		},
		"Map nothing": {
			plugin.Map(func(*plugin.MapInput) (*plugin.MapOutput, error) {
				return &plugin.MapOutput{}, nil
			}), failed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, kinds(t, test.tr, changes...))
		})
	}
}

func TestKeptChangesAreUntouched(t *testing.T) {
	c := goateetest.Insert("shop.orders", `{"_id": 1, "a": "b"}`)
	want := goateetest.Actions(t, nil, c)
	for name, tr := range map[string]goatee.Transformer{
		"Keep":   transform.Keep(func(c *goatee.Change) bool { return c.Document.Lookup("a").StringValue() == "b" }),
		"Skip":   transform.Skip(func(*goatee.Change) bool { return false }),
		"Drop":   transform.Drop(func(*goatee.Document) bool { return false }),
		"Filter": plugin.Filter(func(in *plugin.MapInput) (bool, error) { return in.Document["a"] == "b", nil }),
		"Map":    plugin.Map(func(*plugin.MapInput) (*plugin.MapOutput, error) { return nil, nil }),
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, want, goateetest.Actions(t, tr, c)) })
	}
}

func TestDropSeesWhatEarlierTransformersLeft(t *testing.T) {
	gone := func(d *goatee.Document) bool { return d.Lookup("gone").Type != 0 }
	c := goateetest.Insert("shop.orders", `{"_id": 1}`)
	require.Equal(t, []string{"delete"}, kinds(t, transform.Chain(transform.Set("gone", true), transform.Drop(gone)), c))
	require.Equal(t, []string{"index"}, kinds(t, transform.Drop(gone), c))
}
