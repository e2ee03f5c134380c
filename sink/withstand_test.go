package sink_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
)

// hard is a document that a server has trouble with.
type hard struct {
	id   string
	doc  any
	want string // what Elasticsearch holds of it afterwards; "" for nothing
	says string // what its dead letter says; "" if there is none
}

// withstandCases are what people put into documents. Each case is written into an index of its own, in one batch with
// healthy documents of the same index and of another one.
var withstandCases = map[string]struct {
	index string // the body with which the index is created; "" if Elasticsearch is to guess
	opts  []sink.Option
	hard  []hard
}{
	"mapping conflicts": {
		index: `{"mappings":{"properties":{"n":{"type":"integer"},"o":{"type":"object"},"d":{"type":"date"},"b":{"type":"boolean"}}}}`,
		hard: []hard{
			{id: "text as integer", doc: bson.M{"n": "x"}, says: "failed to parse field [n] of type [integer]"},
			{id: "object as integer", doc: bson.M{"n": bson.M{"a": 1}}, says: "failed to parse field [n] of type [integer]"},
			{id: "value as object", doc: bson.M{"o": 7}, says: "object mapping for [o] tried to parse field [o] as object"},
			{id: "text as date", doc: bson.M{"d": "tomorrow"}, says: "failed to parse field [d] of type [date]"},
			{id: "number as boolean", doc: bson.M{"b": 1}, says: "failed to parse field [b] of type [boolean]"},
			{id: "null fits all", doc: bson.M{"n": nil, "o": nil, "d": nil}, want: `{"n":null,"o":null,"d":null}`},
			{id: "array of null", doc: bson.M{"n": bson.A{nil, 1}}, want: `{"n":[null,1]}`},
		},
	},
	"strict mapping": {
		index: `{"mappings":{"dynamic":"strict","properties":{"v":{"type":"long"}}}}`,
		hard:  []hard{{id: "new field", doc: bson.M{"v": 1, "x": 1}, says: "strict_dynamic_mapping_exception"}},
	},
	"limits of fields": {
		index: `{"settings":{"index.mapping.total_fields.limit":3,"index.mapping.depth.limit":3}}`,
		hard: []hard{
			{id: "too many fields", doc: bson.M{"a": 1, "b": 1, "c": 1, "d": 1}, says: "Limit of total fields [3] has been exceeded"},
			{id: "too deep", doc: bson.M{"a": bson.M{"b": bson.M{"c": bson.M{"d": 1}}}}, says: "has been exceeded"},
		},
	},
	"a keyword that is too long": {
		index: `{"mappings":{"properties":{"k":{"type":"keyword"}}}}`,
		hard: []hard{{
			id: "immense term", doc: bson.M{"k": strings.Repeat("k", 40_000)}, says: "immense term in field=\"k\"",
		}},
	},
	"lengths of ids": {
		hard: []hard{
			{id: "", doc: bson.M{"v": 1}, says: "1 to 512 bytes"},
			{id: "i", doc: bson.M{"v": 1}, want: `{"v":1}`},
			{id: strings.Repeat("i", 512), doc: bson.M{"v": 1}, want: `{"v":1}`},
			{id: strings.Repeat("é", 256), doc: bson.M{"v": 1}, want: `{"v":1}`},
			{id: strings.Repeat("i", 513), doc: bson.M{"v": 1}, says: "1 to 512 bytes"},
			{id: strings.Repeat("é", 256) + "i", doc: bson.M{"v": 1}, says: "1 to 512 bytes"},
		},
	},
	"odd ids": {hard: oddIDs()},
	"odd field names, kept": {
		hard: []hard{
			{id: "empty", doc: bson.M{"": 1, "v": 1}, says: "field name cannot be an empty string"},
			{id: "blank", doc: bson.M{" ": 1, "v": 1}, want: `{" ":1,"v":1}`},
			{id: "empty inside", doc: bson.M{"o": bson.M{"": 1}}, says: "field name cannot be an empty string"},
			{id: "dots alone", doc: bson.M{"a..b": 1}, says: "[a..b]"},
			{id: "dot in front", doc: bson.M{".a": 1}, says: "[.a]"},
			{id: "dotted", doc: bson.M{"p.q": 1}, want: `{"p.q":1}`},
			{id: "dotted clash", doc: bson.D{{Key: "c", Value: 1}, {Key: "c.d", Value: 1}}, says: "[c"},
			{id: "dollar", doc: bson.M{"$set": bson.M{"$x": 1}, "$y": 1}, want: `{"$set":{"$x":1},"$y":1}`},
			{id: "quote", doc: bson.M{"q\"\\\n": 1}, want: `{"q\"\\\n":1}`},
			{id: "_id at the top", doc: bson.M{"_id": "x", "v": 1}, want: `{"v":1}`},
			{id: "_source at the top", doc: bson.M{"_source": bson.M{"v": 1}}, says: "_source"},
			{id: "_routing at the top", doc: bson.M{"_routing": "r"}, says: "_routing"},
			{id: "_id and _source inside", doc: bson.M{"m": bson.M{"_id": 1, "_source": 2}}, want: `{"m":{"_id":1,"_source":2}}`},
			{id: "_meta_monstache is data", doc: bson.M{"_meta_monstache": bson.M{"index": "evil", "skip": true}},
				want: `{"_meta_monstache":{"index":"evil","skip":true}}`},
		},
	},
	"odd field names, replaced": {
		opts: []sink.Option{sink.WithKeyPolicy(sink.KeysReplace)},
		hard: []hard{
			{id: "empty", doc: bson.M{"": 1}, want: `{"_":1}`},
			{id: "empty inside", doc: bson.M{"o": bson.M{"": 1}}, want: `{"o":{"_":1}}`},
			{id: "dots alone", doc: bson.M{"a..b": 1}, want: `{"a__b":1}`},
			{id: "dotted clash", doc: bson.D{{Key: "c", Value: 1}, {Key: "c.d", Value: 1}}, want: `{"c":1,"c_d":1}`},
			{id: "_source at the top", doc: bson.M{"_source": 1}, want: `{"__source":1}`},
			{id: "_id at the top", doc: bson.M{"_id": "x", "w": 1}, want: `{"w":1}`},
		},
	},
	"numbers at the edge": {
		index: `{"mappings":{"properties":{"l":{"type":"long"},"d":{"type":"double"},"k":{"type":"keyword"},"i":{"type":"integer"}}}}`,
		hard: []hard{
			{id: "longs", doc: bson.M{"l": bson.A{int64(math.MinInt64), int64(math.MaxInt64)}},
				want: `{"l":[-9223372036854775808,9223372036854775807]}`},
			{id: "long as integer", doc: bson.M{"i": int64(math.MaxInt32) + 1}, says: "out of range"},
			{id: "double as long", doc: bson.M{"l": 9.3e18}, says: "out of range"},
			{id: "doubles", doc: bson.M{"d": bson.A{math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1)}},
				want: `{"d":[1.7976931348623157e+308,-1.7976931348623157e+308,5e-324,-0.0]}`},
			{id: "not a number", doc: bson.M{"d": math.NaN()}, says: `at "d"`},
			{id: "infinite", doc: bson.M{"d": math.Inf(1)}, says: `at "d"`},
			{id: "decimals", doc: bson.M{"d": bson.A{decimal("1E-6176"), decimal("0.1"), decimal("1.50")}}, want: `{"d":[1E-6176,0.1,1.50]}`},
			{id: "decimal too large for double", doc: bson.M{"d": decimal("9.999999999999999999999999999999999E+6144")}, says: "finite"},
			{id: "decimal as keyword", doc: bson.M{"k": decimal("9.999999999999999999999999999999999E+6144")},
				want: `{"k":9.999999999999999999999999999999999E+6144}`},
			{id: "decimal guessed", doc: bson.M{"guess": decimal("9.999999999999999999999999999999999E+6144")}, says: "finite"},
			{id: "long guessed", doc: bson.M{"long": int64(math.MaxInt64)}, want: `{"long":9223372036854775807}`},
		},
	},
	"numbers at the edge, pruned": {
		opts: []sink.Option{sink.WithPrune(true), sink.WithDecimalStrings(true)},
		hard: []hard{
			{id: "not a number", doc: bson.M{"v": 1, "x": math.NaN(), "a": bson.A{math.Inf(1), 2.5}}, want: `{"v":1,"a":[2.5]}`},
			{id: "decimals", doc: bson.M{"m": decimal("9.999999999999999999999999999999999E+6144")},
				want: `{"m":"9.999999999999999999999999999999999E+6144"}`},
			{id: "year 10000", doc: bson.M{"v": 1, "t": primitive.DateTime(253402300800000)}, want: `{"v":1}`},
		},
	},
	"a replica that is down": {
		// One node: the replica has nowhere to be.
		index: `{"settings":{"number_of_replicas":1}}`,
		hard:  []hard{{id: "written", doc: bson.M{"v": 1}, want: `{"v":1}`}},
	},
}

func decimal(s string) primitive.Decimal128 {
	d, err := primitive.ParseDecimal128(s)
	if err != nil {
		panic(err)
	}
	return d
}

func oddIDs() (out []hard) {
	for _, id := range []string{
		"a/b", "/", `a\b`, `"`, "'", "a b", " ", "\t", "a\nb", "\x00", "\x01\x1f", "\x7f", "#", "?", "a?b=c&d", "%", "%2F", "*", "a,b",
		"<b>", "[1]", "{}", "..", ".", "_all", "_doc", "_search", "-", "+", "日本", "e\u0301", "\u2028\u2029", "🐐", "\ufeff", "null",
	} {
		out = append(out, hard{id: id, doc: bson.M{"v": 1}, want: `{"v":1}`})
	}
	return out
}

// One document's trouble is its own: whatever is in it, Elasticsearch holds it as MongoDB does or it is one dead letter
// with the reason, and its neighbours arrive. Written again, everything is as before; a delete of each one succeeds.
func TestWhatDocumentsDoHarmsNothingElse(t *testing.T) {
	for name, tc := range withstandCases {
		t.Run(name, func(t *testing.T) {
			es := newElastic(t)
			if tc.index != "" {
				es.must(http.MethodPut, "/"+es.prefix, tc.index)
			}
			b := newBulk(t, es, tc.opts...)
			for range 2 {
				failed, rest := goatee.SplitBatchError(b.Write(t.Context(), es.amongHealthy(tc.hard)))
				require.NoError(t, rest)
				requireLetters(t, tc.hard, failed)
				es.holdsAll(tc.hard, true)
			}
			var deletes []goatee.Action
			for _, h := range tc.hard {
				deletes = append(deletes, es.in("", remove(h.id, 2)))
			}
			require.NoError(t, b.Write(t.Context(), deletes))
			es.holdsAll(tc.hard, false)
		})
	}
}

// amongHealthy returns one batch: each document with a healthy one of its index before it and one of another index
// behind it.
func (e *elastic) amongHealthy(docs []hard) (actions []goatee.Action) {
	for i, h := range docs {
		healthy := func(name string) goatee.Action {
			return e.in(name, index(fmt.Sprint("healthy ", i), 1, bson.M{"v": i}))
		}
		actions = append(actions, healthy(""), e.in("", index(h.id, 1, h.doc)), healthy("-other"))
	}
	return actions
}

// holdsAll checks what is stored after a batch of amongHealthy: the documents, unless they have been deleted again, and
// the healthy ones beside them.
func (e *elastic) holdsAll(docs []hard, there bool) {
	e.t.Helper()
	own, other := map[string]string{}, map[string]string{}
	for i, h := range docs {
		own[h.id] = ""
		if there {
			own[h.id] = h.want
		}
		healthy := fmt.Sprint("healthy ", i)
		own[healthy] = fmt.Sprintf(`{"v":%d}`, i)
		other[healthy] = own[healthy]
	}
	e.holdsEach("", own)
	e.holdsEach("-other", other)
}

// requireLetters checks the failures of a batch of amongHealthy: those that the documents ask for and no others.
func requireLetters(t *testing.T, docs []hard, failed []*goatee.ActionError) {
	t.Helper()
	letters := map[int]*goatee.ActionError{}
	for _, f := range failed {
		letters[f.Ordinal] = f
	}
	for i, h := range docs {
		letter := letters[3*i+1]
		delete(letters, 3*i+1)
		if h.says == "" {
			require.Nil(t, letter, "%q", h.id)
			continue
		}
		require.NotNil(t, letter, "%q", h.id)
		require.ErrorContains(t, letter, h.says, "%q", h.id)
		require.Equal(t, goatee.ClassRefused, letter.Class, "%q", h.id)
		require.Equal(t, h.id, letter.Target.ID)
	}
	require.Empty(t, letters, "the neighbours are not at fault")
}

// holds checks what is stored of one document, digit by digit; "" stands for no document.
func (e *elastic) holds(name, id, want string) {
	e.t.Helper()
	e.holdsEach(name, map[string]string{id: want})
}

// holdsEach checks documents by their ids. It asks by a multi-get, because not every id can be part of a path.
func (e *elastic) holdsEach(name string, wants map[string]string) {
	e.t.Helper()
	ids := slices.Collect(maps.Keys(wants))
	query, err := json.Marshal(map[string][]string{"ids": ids})
	require.NoError(e.t, err)
	answer := e.must(http.MethodPost, "/"+e.prefix+name+"/_mget", string(query))
	var got struct {
		Docs []struct {
			Found  bool            `json:"found"`
			Source json.RawMessage `json:"_source"`
		} `json:"docs"`
	}
	require.NoError(e.t, json.Unmarshal(answer, &got))
	require.Len(e.t, got.Docs, len(ids))
	for i, id := range ids {
		want, doc := wants[id], got.Docs[i]
		require.Equal(e.t, want != "", doc.Found, "%q: %s", id, doc.Source)
		if want != "" {
			require.Equal(e.t, exact(e.t, want), exact(e.t, string(doc.Source)), "%q", id)
		}
	}
}

// exact decodes JSON and keeps numbers as they are written.
func exact(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v), text)
	return v
}

// A document that the server takes in no request is one dead letter, and requests are no larger than it takes from then
// on. The limit is a setting of the node, so the server is the test's own.
func TestDocumentsOverTheServersLimit(t *testing.T) {
	server := testservers.Elasticsearch(t, testservers.Settings("http.max_content_length=1mb"))
	es := &elastic{Client: server.Client(t), t: t, prefix: "limit"}
	b := newBulk(t, es)
	docs := []hard{
		{id: "just fits", doc: bson.M{"s": strings.Repeat("x", 1_000_000)}, want: `{"s":"` + strings.Repeat("x", 1_000_000) + `"}`},
		{id: "too large", doc: bson.M{"s": strings.Repeat("x", 1<<20)}, says: "http.max_content_length"},
		{id: "small", doc: bson.M{"v": 1}, want: `{"v":1}`},
	}
	failed, rest := goatee.SplitBatchError(b.Write(t.Context(), es.amongHealthy(docs)))
	require.NoError(t, rest)
	requireLetters(t, docs, failed)
	es.holdsAll(docs, true)
}

// An index that is deleted behind goatee's back comes back with the next document, and an alias is written through to
// its write index.
func TestIndicesThatChangeBetweenWrites(t *testing.T) {
	es := newElastic(t)
	b := newBulk(t, es)
	write(t, b, es.in("", index("a", 1, bson.M{"v": 1})))
	es.must(http.MethodDelete, "/"+es.prefix, "")
	write(t, b, es.in("", index("a", 2, bson.M{"v": 2})))
	es.holds("", "a", `{"v":2}`)
	es.must(http.MethodPut, "/"+es.prefix+"-1", `{"aliases":{"`+es.prefix+`-alias":{}}}`)
	es.must(http.MethodPut, "/"+es.prefix+"-2", `{"aliases":{"`+es.prefix+`-alias":{"is_write_index":true}}}`)
	write(t, b, es.in("-alias", index("a", 3, bson.M{"v": 3})), es.in("-alias", index("b", 3, bson.M{"v": 3})), es.in("-alias", remove("b", 4)))
	es.holds("-2", "a", `{"v":3}`)
	es.holds("-2", "b", "")
	es.holds("-1", "a", "")
}

// Index and routing change between updates, on a server with several shards: one copy is there, the last one.
func TestMovesLeaveNoCopyOnElasticsearch(t *testing.T) {
	steps := []struct{ index, routing string }{
		{}, {routing: "r1"}, {routing: "r2"}, {index: "-b"}, {index: "-b", routing: "r1"}, {index: "-a", routing: "r3"}, {}, {index: "-a"},
	}
	for name, strategy := range map[string]func(*elastic, *sink.Bulk) goatee.Sink{
		"stateful": func(_ *elastic, b *sink.Bulk) goatee.Sink { return newStateful(t, b, newMemoryMeta()) },
		"stateless": func(es *elastic, b *sink.Bulk) goatee.Sink {
			return newStateless(t, b, sink.WithIndexPattern(es.prefix+"*"), sink.WithCleanMoves())
		},
	} {
		t.Run(name, func(t *testing.T) {
			es := newElastic(t)
			for _, name := range []string{"-a", "-b", ".orders"} {
				es.must(http.MethodPut, "/"+es.prefix+name, `{"settings":{"number_of_shards":5,"number_of_replicas":0}}`)
			}
			s := strategy(es, newBulk(t, es))
			of := func(a goatee.Action) goatee.Action {
				a.Change.Namespace.Database = es.prefix // its default index is one of the test's
				return a
			}
			count := func(want string) {
				t.Helper()
				es.must(http.MethodPost, "/"+es.prefix+"*/_refresh", "")
				answer := string(es.must(http.MethodGet, "/"+es.prefix+"*/_search?filter_path=hits.hits._source,hits.total.value", ""))
				require.JSONEq(t, want, answer)
			}
			for i, step := range steps {
				a := of(index("m", uint32(i+1), bson.M{"v": i}))
				a.Routing = step.routing
				if step.index != "" {
					a.Index = es.prefix + step.index
				}
				write(t, s, a)
				count(fmt.Sprintf(`{"hits":{"total":{"value":1},"hits":[{"_source":{"v":%d}}]}}`, i))
			}
			write(t, s, of(remove("m", 100)))
			count(`{"hits":{"total":{"value":0}}}`)
		})
	}
}
