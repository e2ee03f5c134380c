package transform_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

// written is the document that is written for doc, as JSON.
func written(t *testing.T, tr goatee.Transformer, doc string) string {
	t.Helper()
	text := goateetest.Actions(t, tr, goateetest.Insert("shop.orders", doc))
	lines := strings.Split(text, "\n")
	require.Len(t, lines, 3, text)
	return lines[1]
}

// decode is a transformer that makes later ones see a decoded document.
var decode = transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { return m, nil })

func TestRawEdits(t *testing.T) {
	const doc = `{"_id": 1, "a": 1, "b": {"c": 2, "d": {"e": 3}}, "l": [{"x": 1, "y": 2}, 7, {"y": 3}, [{"x": 4, "y": 5}]]}`
	for name, test := range map[string]struct {
		tr   goatee.Transformer
		want string
	}{
		"omit":                   {transform.Omit("a", "l"), `{"b":{"c":2,"d":{"e":3}}}`},
		"omit below":             {transform.Omit("b.d.e", "b.c", "l"), `{"a":1,"b":{"d":{}}}`},
		"omit parent and child":  {transform.Omit("b.c", "b", "l"), `{"a":1}`},
		"omit through arrays":    {transform.Omit("a", "b", "l.x"), `{"l":[{"y":2},7,{"y":3},[{"y":5}]]}`},
		"omit through a scalar":  {transform.Omit("a.z", "b", "l"), `{"a":1}`},
		"pick":                   {transform.Pick("a", "b.c"), `{"a":1,"b":{"c":2}}`},
		"pick through arrays":    {transform.Pick("l.x"), `{"l":[{"x":1},{},[{"x":4}]]}`},
		"pick through a scalar":  {transform.Pick("a.z"), `{}`},
		"pick nothing there":     {transform.Pick("b.z"), `{"b":{}}`},
		"rename":                 {transform.Chain(transform.Pick("a"), transform.Rename("a", "aa")), `{"aa":1}`},
		"rename below":           {transform.Chain(transform.Pick("b"), transform.Rename("b.d.e", "b.d.f")), `{"b":{"c":2,"d":{"f":3}}}`},
		"rename replaces":        {transform.Chain(transform.Pick("a", "b"), transform.Rename("a", "b")), `{"b":1}`},
		"rename through arrays":  {transform.Chain(transform.Pick("l"), transform.Rename("l.x", "l.z")), `{"l":[{"z":1,"y":2},7,{"y":3},[{"z":4,"y":5}]]}`},
		"rename what is missing": {transform.Chain(transform.Pick("a"), transform.Rename("z", "a")), `{"a":1}`},
		"set":                    {transform.Chain(transform.Pick("a"), transform.Set("a", "x"), transform.Set("n", nil)), `{"a":"x","n":null}`},
		"set below":              {transform.Chain(transform.Pick("b.c"), transform.Set("b.c", 5.5), transform.Set("b.g.h", true)), `{"b":{"c":5.5,"g":{"h":true}}}`},
		"set through a scalar":   {transform.Chain(transform.Pick("a"), transform.Set("a.b", bson.M{"c": 1})), `{"a":{"b":{"c":1}}}`},
		"set through arrays":     {transform.Chain(transform.Omit("a", "b"), transform.Set("l.x", 0)), `{"l":[{"x":0,"y":2},{"x":0},{"y":3,"x":0},[{"x":0,"y":5}]]}`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, written(t, test.tr, doc))
			require.JSONEq(t, test.want, written(t, transform.Chain(decode, test.tr), doc), "on a decoded document")
		})
	}
}

func TestRawEditsNeverDecode(t *testing.T) {
	tr := transform.Chain(transform.Omit("a"), transform.Rename("b", "c"), transform.Set("d", 1), transform.Pick("c", "d"))
	c := goateetest.Insert("shop.orders", `{"_id": 1, "a": 1, "b": 2}`)
	items := run(t, tr, c)
	body := items[0].Actions[0].Body()
	require.False(t, body.IsDecoded())
	require.False(t, items[0].Change.Document.IsDecoded())
	require.Equal(t, `{"a":1,"b":2}`, lineOf(t, items[0].Change), "the change keeps its document")
}

func lineOf(t *testing.T, c *goatee.Change) string {
	t.Helper()
	return strings.Split(goateetest.Actions(t, nil, c), "\n")[1]
}

// randomEdit returns one of the raw edits over a few names, so that paths meet what is there.
func randomEdit(r *rand.Rand) goatee.Transformer {
	path := func() string {
		names := []string{string(rune('a' + r.Intn(4)))}
		for r.Intn(2) == 0 {
			names = append(names, string(rune('a'+r.Intn(4))))
		}
		return strings.Join(names, ".")
	}
	switch r.Intn(4) {
	case 0:
		return transform.Omit(path(), path())
	case 1:
		return transform.Pick(path(), path(), path(), path())
	case 2:
		p := path()
		return transform.Rename(p, p+"x")
	default:
		return transform.Set(path(), []any{nil, 1, "text", bson.M{"a": 1}, bson.A{1, bson.M{"b": 2}}}[r.Intn(5)])
	}
}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.Intn(6); {
	case n == 0 && depth > 0:
		a := bson.A{}
		for range r.Intn(4) {
			a = append(a, randomValue(r, depth-1))
		}
		return a
	case n < 3 && depth > 0:
		return randomFields(r, depth-1)
	case n == 3:
		return strings.Repeat("s", r.Intn(20))
	case n == 4:
		return nil
	default:
		return int32(r.Intn(100))
	}
}

func randomFields(r *rand.Rand, depth int) bson.M {
	m := bson.M{}
	for range r.Intn(5) {
		m[string(rune('a'+r.Intn(4)))] = randomValue(r, depth)
	}
	return m
}

func TestRawEditsEqualTheSameEditsOfTheMap(t *testing.T) {
	for seed := range int64(2000) {
		r := rand.New(rand.NewSource(seed))
		edits := make([]goatee.Transformer, 1+r.Intn(4))
		for i := range edits {
			edits[i] = randomEdit(r)
		}
		var changes []*goatee.Change
		for i := range 1 + r.Intn(4) {
			doc := randomFields(r, 4)
			doc["_id"] = i
			changes = append(changes, goateetest.Insert("shop.orders", doc))
		}
		fused := bodies(t, transform.Chain(edits...), changes)
		oneByOne := bodies(t, separately(edits), changes)
		onMaps := bodies(t, transform.Chain(append([]goatee.Transformer{decode}, edits...)...), changes)
		require.Equal(t, oneByOne, fused, "seed %d", seed)
		require.Equal(t, onMaps, fused, "seed %d", seed)
	}
}

// separately is a chain whose elements are not fused.
func separately(ts []goatee.Transformer) goatee.Transformer {
	return goatee.TransformFunc(func(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		var err error
		for _, tr := range ts {
			if actions, err = tr.Transform(ctx, c, actions); err != nil {
				return nil, err
			}
		}
		return actions, nil
	})
}

// bodies are the documents to be written, fields in sorted order.
func bodies(t *testing.T, tr goatee.Transformer, changes []*goatee.Change) (out []string) {
	t.Helper()
	for _, it := range run(t, tr, changes...) {
		require.NoError(t, it.Err)
		raw, err := it.Actions[0].Body().Raw()
		require.NoError(t, err)
		require.NoError(t, raw.Validate())
		var m bson.M
		require.NoError(t, bson.Unmarshal(raw, &m))
		text, err := json.Marshal(m)
		require.NoError(t, err)
		out = append(out, string(text))
	}
	return out
}

func TestRawEditsAllocateOncePerBatch(t *testing.T) {
	tr := transform.Chain(transform.Omit("a"), transform.Set("b", 1), transform.Rename("c", "d")).(goatee.BatchTransformer)
	items := make([]goatee.Item, 1000)
	actions := make([]goatee.Action, len(items))
	c := goateetest.Insert("shop.orders", `{"_id": 1, "a": "some text", "c": "more"}`)
	allocs := testing.AllocsPerRun(10, func() {
		for i := range items {
			actions[i] = goatee.Action{Change: c}
			items[i] = goatee.Item{Change: c, Actions: actions[i : i+1 : i+1]}
		}
		require.NoError(t, tr.TransformBatch(context.Background(), items))
	})
	require.Less(t, allocs, 20.0)
}

func TestMalformedDocumentFailsAlone(t *testing.T) {
	bad := goateetest.Insert("shop.orders", `{"_id": 1, "a": {"b": "text"}}`)
	raw, err := bad.Document.Raw()
	require.NoError(t, err)
	for at := range raw {
		for _, b := range []byte{0x00, 0x7f, 0xff} {
			broken := append(bson.Raw(nil), raw...)
			broken[at] = b
			c := *bad
			c.Document = goatee.NewDocument(broken)
			for _, tr := range []goatee.Transformer{
				transform.Omit("a.b"), transform.Pick("a.b"), transform.Rename("a.b", "a.c"), transform.Set("a.b", 1),
				transform.RoutingField("a.b"),
			} {
				items := run(t, tr, &c, goateetest.Insert("shop.orders", `{"_id": 2}`))
				require.NotErrorIs(t, items[0].Err, goatee.ErrPanic, fmt.Sprintf("byte %d", at))
				require.NoError(t, items[1].Err)
			}
		}
	}
}
