package sink_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// unsendable are actions that are refused before they are sent, by what the error says.
func unsendable() map[string]goatee.Action {
	with := func(edit func(*goatee.Action)) goatee.Action {
		a := index("x", 1, bson.M{"n": 1})
		edit(&a)
		return a
	}
	named := func(name string) goatee.Action { return with(func(a *goatee.Action) { a.Index = name }) }
	return map[string]goatee.Action{
		"has no Change":               {},
		"no id":                       with(func(a *goatee.Action) { a.Change.ID = bson.RawValue{} }),
		"1 to 512 bytes: empty":       index("", 1, bson.M{}),
		"1 to 512 bytes: long":        index(strings.Repeat("é", 256)+"x", 1, bson.M{}),
		"no valid UTF-8":              index("\xff", 1, bson.M{}),
		"no document":                 index("x", 1, nil),
		"version is negative":         with(func(a *goatee.Action) { a.Version = -1 }),
		"unknown version type":        with(func(a *goatee.Action) { a.VersionType = 9 }),
		"unknown kind":                with(func(a *goatee.Action) { a.Kind = 77 }),
		"no namespace":                with(func(a *goatee.Action) { a.Change.Namespace = goatee.Namespace{} }),
		"start with _":                named("_x"),
		"start with _: -":             named("-x"),
		"start with _: +":             named("+x"),
		"a dot or two":                named("."),
		"a dot or two: ..":            named(".."),
		"1 to 255 bytes":              named(strings.Repeat("x", 256)),
		"must not contain":            named("a b"),
		"must not contain: wildcard":  named("a*"),
		"must not contain: comma":     named("a,b"),
		"must not contain: slash":     named("a/b"),
		"must not contain: quote":     named(`a"b`),
		"must not contain: newline":   named("a\nb"),
		"must not contain: # in ns":   with(func(a *goatee.Action) { a.Change.Namespace.Collection = "a#b" }),
		`at "a.0"`:                    index("x", 1, bson.M{"a": bson.A{math.NaN()}}),
		`at "a": infinite`:            index("x", 1, bson.M{"a": math.Inf(-1)}),
		`at "when"`:                   index("x", 1, bson.M{"when": primitive.DateTime(math.MaxInt64)}),
		"malformed BSON":              with(func(a *goatee.Action) { a.Document = goatee.NewDocument(bson.Raw{9, 0, 0, 0, 2}) }),
		`at "deep": in a decoded map`: with(func(a *goatee.Action) { a.Document, _ = goatee.DocumentOf(bson.M{"deep": math.NaN()}) }),
	}
}

func TestWhatCannotBeSentHarmsNothingElse(t *testing.T) {
	for words, bad := range unsendable() {
		t.Run(words, func(t *testing.T) {
			es := fakees.New()
			actions := []goatee.Action{index("before", 1, bson.M{"n": 1}), bad, index("after", 1, bson.M{"n": 1})}
			var batch *goatee.BatchError
			b := newBulk(t, es)
			require.ErrorAs(t, b.Write(t.Context(), actions), &batch)
			require.Len(t, batch.Failed, 1)
			require.Equal(t, 1, batch.Failed[0].Ordinal)
			require.Zero(t, batch.Failed[0].Status)
			says, _, _ := strings.Cut(words, ": ")
			require.ErrorContains(t, batch.Failed[0], says)
			require.Len(t, es.Docs("shop.orders"), 2)
			require.Len(t, es.Bulks(), 1)
			require.Len(t, es.Bulks()[0].Items, 2)
			require.EqualValues(t, 1, b.SinkStats().Refused)
		})
	}
}

func TestTheLongestIDAndIndexAreSent(t *testing.T) {
	es := fakees.New()
	a := index(strings.Repeat("é", 256), 1, bson.M{})
	a.Index = strings.Repeat("x", 255)
	require.NoError(t, newBulk(t, es).Write(t.Context(), []goatee.Action{a}))
}

func TestPruneWritesTheRest(t *testing.T) {
	es := fakees.New()
	b := newBulk(t, es, sink.WithPrune(true))
	require.NoError(t, b.Write(t.Context(), []goatee.Action{index("x", 1, bson.D{{Key: "a", Value: math.NaN()}, {Key: "b", Value: 1}})}))
	d, _ := es.Get("shop.orders", "x")
	require.Equal(t, `{"b":1}`, d.Source)
}

func TestOptionsRefuseMisuse(t *testing.T) {
	for name, opt := range map[string]sink.Option{
		"WithShardTimeout":   sink.WithShardTimeout(time.Minute),
		"WithMaxBytes":       sink.WithMaxBytes(0),
		"WithMaxActions":     sink.WithMaxActions(-1),
		"WithRequestTimeout": sink.WithRequestTimeout(0),
		"WithBackoff":        sink.WithBackoff(2, 1),
		"WithLogger":         sink.WithLogger(nil),
		"WithKeyPolicy":      sink.WithKeyPolicy(9),
	} {
		_, err := sink.NewBulk(fakees.New(), opt)
		var config *goatee.ConfigError
		require.ErrorAs(t, err, &config)
		require.Equal(t, "sink."+name, config.Setting)
		require.NotEmpty(t, config.Remedy)
	}
	_, err := sink.NewBulk(nil)
	require.ErrorContains(t, err, "client is nil")
}
