package bsonedit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/bsonedit"
)

func path(t testing.TB, s string) bsonedit.Path {
	t.Helper()
	p, err := bsonedit.ParsePath(s)
	require.NoError(t, err)
	require.Equal(t, s, p.String())
	return p
}

func paths(t testing.TB, all ...string) (ps []bsonedit.Path) {
	t.Helper()
	for _, s := range all {
		ps = append(ps, path(t, s))
	}
	return ps
}

func rename(t testing.TB, from, to string) bsonedit.Edit {
	t.Helper()
	e, err := bsonedit.Rename(path(t, from), path(t, to))
	require.NoError(t, err)
	return e
}

func set(t testing.TB, p string, v any) bsonedit.Edit {
	t.Helper()
	value, err := bsonedit.EncodeValue(v)
	require.NoError(t, err)
	return bsonedit.Set(path(t, p), value)
}

func marshal(t testing.TB, json string) bson.Raw {
	t.Helper()
	var d bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(json), false, &d))
	raw, err := bson.Marshal(d)
	require.NoError(t, err)
	return raw
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := bson.MarshalExtJSON(v, false, false)
	require.NoError(t, err)
	return string(b)
}

// Every edit gives the same in both forms of a document, and says whether it has changed anything.
func TestEdits(t *testing.T) {
	const doc = `{"a":1,"b":{"c":2,"d":{"e":3}},"l":[{"x":1,"y":2},7,[{"x":4}]]}`
	for name, test := range map[string]struct {
		edits []bsonedit.Edit
		want  string // "": unchanged
	}{
		"omit":              {edits(bsonedit.Omit(paths(t, "a", "b.d", "l.x"))), `{"b":{"c":2},"l":[{"y":2},7,[{}]]}`},
		"omit nothing":      {edits(bsonedit.Omit(paths(t, "z", "a.b"))), ""},
		"pick":              {edits(bsonedit.Pick(paths(t, "b.c", "l.x"))), `{"b":{"c":2},"l":[{"x":1},[{"x":4}]]}`},
		"rename":            {edits(rename(t, "b.d", "b.f")), `{"a":1,"b":{"c":2,"f":{"e":3}},"l":[{"x":1,"y":2},7,[{"x":4}]]}`},
		"rename over":       {edits(rename(t, "a", "l")), `{"l":1,"b":{"c":2,"d":{"e":3}}}`},
		"rename nothing":    {edits(rename(t, "z", "a")), ""},
		"set":               {edits(set(t, "a", "x"), bsonedit.Pick(paths(t, "a"))), `{"a":"x"}`},
		"set makes parents": {edits(set(t, "a.n.m", true), bsonedit.Pick(paths(t, "a"))), `{"a":{"n":{"m":true}}}`},
		"set in elements":   {edits(set(t, "l.x", nil), bsonedit.Pick(paths(t, "l"))), `{"l":[{"x":null,"y":2},{"x":null},[{"x":null}]]}`},
		"several": {
			edits(bsonedit.Omit(paths(t, "z")), bsonedit.Omit(paths(t, "b")), rename(t, "z", "y"), rename(t, "a", "n"), bsonedit.Omit(paths(t, "z"))),
			`{"n":1,"l":[{"x":1,"y":2},7,[{"x":4}]]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			src := marshal(t, doc)
			var e bsonedit.Editor
			out, changed, err := e.Apply(test.edits, src)
			require.NoError(t, err)
			require.Equal(t, test.want != "", changed)
			want := test.want
			if want == "" {
				want = doc
				require.Nil(t, out)
			} else {
				require.Equal(t, want, text(t, bson.Raw(out)))
			}
			require.Equal(t, doc, text(t, src), "the source is not modified")

			var m bson.M
			require.NoError(t, bson.Unmarshal(src, &m))
			for _, edit := range test.edits {
				require.NoError(t, edit.EditMap(m))
			}
			require.JSONEq(t, want, text(t, m))
		})
	}
}

func edits(e ...bsonedit.Edit) []bsonedit.Edit { return e }

func TestRenameMovesNothing(t *testing.T) {
	for _, to := range []string{"a.b", "c.x", "a.b.c", "a"} {
		_, err := bsonedit.Rename(path(t, "a.b"), path(t, to))
		require.Error(t, err, to)
	}
}

func TestPathsHaveNames(t *testing.T) {
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "a\x00b"} {
		_, err := bsonedit.ParsePath(s)
		require.Error(t, err, s)
	}
}

func TestResultsOfABatchShareOneAllocation(t *testing.T) {
	es := edits(bsonedit.Omit(paths(t, "a")), set(t, "b", 1), rename(t, "c", "d"))
	var docs []bson.Raw
	for i := range 500 {
		docs = append(docs, marshal(t, fmt.Sprintf(`{"_id":%d,"a":1,"c":"%s"}`, i, strings.Repeat("x", i%50))))
	}
	outs := make([][]byte, len(docs))
	apply := func() {
		var e bsonedit.Editor
		n := 0
		for _, d := range docs {
			n += len(d) + bsonedit.Growth(es)
		}
		e.Expect(n)
		for i, d := range docs {
			var err error
			if outs[i], _, err = e.Apply(es, d); err != nil {
				t.Fatal(err)
			}
		}
	}
	require.Less(t, testing.AllocsPerRun(5, apply), 20.0)
	for i, out := range outs {
		require.Equal(t, fmt.Sprintf(`{"_id":%d,"d":"%s","b":1}`, i, strings.Repeat("x", i%50)), text(t, bson.Raw(out)), "nothing is written over")
	}
}

func TestABatchThatNeedsMoreThanExpectedIsRightAllTheSame(t *testing.T) {
	var e bsonedit.Editor
	e.Expect(40)
	var outs [][]byte
	for i := range 20 {
		out, _, err := e.Apply(edits(set(t, "b", strings.Repeat("y", i*10))), marshal(t, fmt.Sprintf(`{"a":%d}`, i)))
		require.NoError(t, err)
		outs = append(outs, out)
	}
	for i, out := range outs {
		require.Equal(t, fmt.Sprintf(`{"a":%d,"b":"%s"}`, i, strings.Repeat("y", i*10)), text(t, bson.Raw(out)))
	}
}

func TestLookupFindsTheSameInBothForms(t *testing.T) {
	src := marshal(t, `{"a":{"b":[10,{"c":"x"}]},"n":null}`)
	var m bson.M
	require.NoError(t, bson.Unmarshal(src, &m))
	for p, want := range map[string]any{"a.b.0": int32(10), "a.b.1.c": "x", "n": nil, "z": false, "a.b.7": false, "n.x": false, "a.b.0.x": false} {
		raw, err := bsonedit.Lookup(src, path(t, p))
		require.NoError(t, err)
		decoded, err := bsonedit.LookupMap(m, path(t, p))
		require.NoError(t, err)
		require.Equal(t, raw.Type, decoded.Type, p)
		require.Equal(t, string(raw.Value), string(decoded.Value), p)
		if want == false {
			require.Zero(t, raw.Type, p)
			continue
		}
		got, err := bsonedit.DecodeValue(raw)
		require.NoError(t, err)
		require.Equal(t, want, got, p)
	}
}
