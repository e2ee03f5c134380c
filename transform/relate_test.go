package transform_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

const deployment = goatee.ChangeStreamPrefix

// related runs a source with relations over changes and returns the batches as lines: position, operation, namespace/id.
func related(t *testing.T, f transform.Finder, relates []transform.Relate, changes ...*goatee.Change) []string {
	t.Helper()
	src := transform.RelateSource(goateetest.NewSource(deployment, changes...), f, relates...)
	require.NoError(t, src.(goatee.Checker).Check(t.Context()))
	var lines []string
	err := src.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		at := "start"
		if !b.Position.IsZero() {
			at = fmt.Sprint(b.Position.Token.Lookup("changes").Int32())
		}
		line := at + ":"
		for _, c := range b.Changes {
			id, err := transform.Text(c.ID)
			require.NoError(t, err)
			line += fmt.Sprintf(" %s %s/%s", c.Op, c.Namespace, id)
		}
		lines = append(lines, line)
		return nil
	})
	require.NoError(t, err)
	return lines
}

// things is the seed's example: a state changes, and its things are read through a view.
func things() (*goateetest.Collections, []transform.Relate) {
	c := goateetest.NewCollections()
	c.Put("db.state", `{"_id": "on"}`, `{"_id": "off"}`)
	c.Put("db.thing", `{"_id": 1, "s": "on"}`, `{"_id": 2, "s": "off"}`, `{"_id": 3, "s": "on"}`)
	c.Put("db.thingview", `{"_id": 1, "s": [{"_id": "on"}]}`, `{"_id": 2, "s": [{"_id": "off"}]}`, `{"_id": 3, "s": [{"_id": "on"}]}`)
	return c, []transform.Relate{
		{Namespace: "db.thing", WithNamespace: "db.thingview"},
		{Namespace: "db.state", WithNamespace: "db.thing", MatchField: "s"},
	}
}

func TestRelateReplicatesAView(t *testing.T) {
	c, relates := things()
	require.Equal(t, []string{"start: read db.thingview/1 read db.thingview/3", "1:"},
		related(t, c, relates, goateetest.Update("db.state", `{"_id": "on"}`, nil)))
	require.Equal(t, 2, c.Queries(), "one query for the things, one for the view")

	require.Equal(t, []string{"start: read db.thingview/2", "1:"},
		related(t, c, relates, goateetest.Insert("db.thing", `{"_id": 2, "s": "off"}`)))

	require.Equal(t, []string{"1: insert db.other/5"}, related(t, c, relates, goateetest.Insert("db.other", `{"_id": 5}`)))
}

func TestRelateDeletesWhatTheViewNoLongerShows(t *testing.T) {
	c, relates := things()
	c.Remove("db.thing", 1)
	c.Remove("db.thingview", 1)
	want := []string{"start: delete db.thingview/1", "1:"}
	require.Equal(t, want, related(t, c, relates, goateetest.Delete("db.thing", 1)))
	require.Equal(t, want, related(t, c, relates, goateetest.Update("db.thing", `{"_id": 1}`, nil)))
}

func TestRelateCoalescesWithinABatch(t *testing.T) {
	c, relates := things()
	var changes []*goatee.Change
	for range 50 {
		changes = append(changes, goateetest.Update("db.thing", `{"_id": 1}`, nil), goateetest.Update("db.thing", `{"_id": 3}`, nil))
	}
	require.Equal(t, []string{"start: read db.thingview/1 read db.thingview/3", "100:"}, related(t, c, relates, changes...))
	require.Equal(t, 1, c.Queries())
}

func TestRelateKeepSrcMaxDepthAndPreImages(t *testing.T) {
	c, relates := things()
	relates[1].KeepSrc = true
	require.Equal(t, []string{"start: read db.thingview/2", "1: update db.state/off"},
		related(t, c, relates, goateetest.Update("db.state", `{"_id": "off"}`, nil)))

	relates[0].MaxDepth = 1
	require.Equal(t, []string{"1: update db.state/off"}, related(t, c, relates, goateetest.Update("db.state", `{"_id": "off"}`, nil)))

	parents := []transform.Relate{{Namespace: "db.thing", WithNamespace: "db.state", SrcField: "s", KeepSrc: true}}
	require.Equal(t, []string{"start: read db.state/on", "1: delete db.thing/1"},
		related(t, c, parents, goateetest.DeleteOf("db.thing", `{"_id": 1, "s": "on"}`)))
	require.Equal(t, []string{"1: delete db.thing/1"}, related(t, c, parents, goateetest.Delete("db.thing", 1)))
	moved := goateetest.Update("db.thing", `{"_id": 1, "s": "off"}`, nil)
	moved.Before = goateetest.Insert("db.thing", `{"_id": 1, "s": "on"}`).Document
	require.Equal(t, []string{"start: read db.state/on read db.state/off", "1: update db.thing/1"}, related(t, c, parents, moved))
}

func TestRelateMatchesNestedFieldsAndConverts(t *testing.T) {
	c := goateetest.NewCollections()
	oid := primitive.ObjectID{1, 2, 3}
	decimal, err := primitive.ParseDecimal128("1.50")
	require.NoError(t, err)
	c.Put("db.b",
		bson.M{"_id": "exact", "a": bson.M{"b": 5}}, bson.M{"_id": "more", "a": bson.D{{Key: "b", Value: 5}, {Key: "c", Value: 6}}},
		bson.M{"_id": "text", "a": "5"}, bson.M{"_id": "oid", "a": oid},
		bson.M{"_id": "money", "a": decimal})
	ask := func(r transform.Relate, src any) []string {
		r.Namespace, r.WithNamespace, r.SrcField, r.KeepSrc = "db.a", "db.b", "v", true
		return related(t, c, []transform.Relate{r}, goateetest.Insert("db.a", bson.M{"_id": 0, "v": src}))
	}
	self := "1: insert db.a/0"
	require.Equal(t, []string{"start: read db.b/exact", self}, ask(transform.Relate{MatchField: "a.b"}, int32(5)))
	require.Equal(t, []string{"start: read db.b/exact read db.b/more", self}, ask(transform.Relate{MatchField: "a.b", DotNotation: true}, int32(5)))
	require.Equal(t, []string{"start: read db.b/text", self}, ask(transform.Relate{MatchField: "a", MatchFieldType: "string"}, 5))
	require.Equal(t, []string{"start: read db.b/oid", self}, ask(transform.Relate{MatchField: "a", MatchFieldType: "objectId"}, oid.Hex()))
	require.Equal(t, []string{"start: read db.b/exact", self}, ask(transform.Relate{MatchField: "a.b", MatchFieldType: "int"}, "5"))
	require.Equal(t, []string{self}, ask(transform.Relate{MatchField: "a.b", MatchFieldType: "long"}, "five"))
	require.Equal(t, []string{"start: read db.b/exact read db.b/more", self},
		ask(transform.Relate{MatchField: "a.b", DotNotation: true, MatchFieldType: "long"}, "5"))
	require.Equal(t, []string{"start: read db.b/money", self}, ask(transform.Relate{MatchField: "a", MatchFieldType: "decimal"}, "1.50"))
	require.Equal(t, []string{self}, ask(transform.Relate{MatchField: "a", MatchFieldType: "objectId"}, "no hex"))
	require.Equal(t, []string{"start: read db.b/exact read db.b/text", self},
		ask(transform.Relate{MatchField: "_id"}, bson.A{"exact", "text", "none"}), "each element of an array")
}

func TestRelateCycleEnds(t *testing.T) {
	c := goateetest.NewCollections()
	c.Put("db.person", `{"_id": 1, "friend": 2}`, `{"_id": 2, "friend": 3}`, `{"_id": 3, "friend": 1}`)
	relates := []transform.Relate{{Namespace: "db.person", WithNamespace: "db.person", MatchField: "friend", KeepSrc: true}}
	lines := related(t, c, relates, goateetest.Update("db.person", `{"_id": 1, "friend": 2}`, nil))
	require.Equal(t, []string{
		"start: read db.person/1", "start: read db.person/2", "start: read db.person/3", "1: update db.person/1",
	}, lines, "each is read once, the last first")
}

// children is a Finder with as many documents as asked for, which makes them as they are read.
func children(n int, open *int) transform.Finder {
	return transform.FindFunc(func(context.Context, goatee.Namespace, bson.D, bson.D) iter.Seq2[bson.Raw, error] {
		return func(yield func(bson.Raw, error) bool) {
			for i := range n {
				*open = i + 1
				raw, err := bson.Marshal(bson.M{"_id": i, "text": "some text to fill the document with"})
				if !yield(raw, err) {
					return
				}
			}
		}
	})
}

func TestRelateStormComesInPages(t *testing.T) {
	const n = 100_000
	read, emitted, most := 0, 0, 0
	src := transform.RelateSource(goateetest.NewSource(deployment, goateetest.Update("db.parent", `{"_id": 1}`, nil)),
		children(n, &read), transform.Relate{Namespace: "db.parent", WithNamespace: "db.child", MatchField: "p"})
	require.NoError(t, src.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		emitted += len(b.Changes)
		most = max(most, len(b.Changes))
		require.Equal(t, emitted, read, "a full pipeline stops the reading")
		for _, c := range b.Changes {
			require.Equal(t, primitive.Timestamp{T: 1_700_000_000, I: 1}, c.ClusterTime)
		}
		return nil
	}))
	require.Equal(t, n, emitted)
	require.LessOrEqual(t, most, 1000)
}

func TestRelateNeverPassesTheChangeBeforeItsRelatedDocuments(t *testing.T) {
	c, relates := things()
	sink := goateetest.NewSink()
	down := errors.New("down")
	c.Fail(down)
	src := transform.RelateSource(goateetest.NewSource(deployment, goateetest.Update("db.state", `{"_id": "on"}`, nil)), c, relates...)
	emitted := 0
	emit := func(_ context.Context, b *goatee.Batch) error { emitted++; return nil }
	require.ErrorIs(t, src.Run(t.Context(), goatee.Position{}, emit), down)
	require.Zero(t, emitted)

	c.Fail(nil)
	s, err := goatee.New(goatee.WithSource(src), goatee.WithSink(sink),
		goatee.WithTransformer(transform.Index(transform.Exact("db.thing", "things"), transform.Exact("db.thingview", "things"))))
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context()))
	require.Equal(t, map[string]string{"1": `{"s":[{"_id":"on"}]}`, "3": `{"s":[{"_id":"on"}]}`}, sink.Documents("things"))
	require.Equal(t, []string{"things"}, sink.Indices())
}

// fetching is a source whose updates come without documents.
type fetching struct {
	*goateetest.Source
	docs    map[int32]string
	fetched int
}

func (f *fetching) Fetch(_ context.Context, changes []*goatee.Change) ([]*goatee.Change, error) {
	f.fetched++
	c := changes[0] // one at a time, as if documents were large
	c.Document = goateetest.Insert("db.thing", f.docs[c.ID.Int32()]).Document
	return changes[1:], nil
}

func (f *fetching) Start(context.Context) (goatee.Position, error) {
	return goatee.Position{Token: bson.Raw{5, 0, 0, 0, 0}}, nil
}

func TestRelateFetchesDocumentsItNeedsAndKeepsOptionalInterfaces(t *testing.T) {
	c, _ := things()
	update := func(id int) *goatee.Change {
		u := goateetest.Update("db.thing", bson.M{"_id": id}, nil)
		u.Document = goatee.Document{}
		return u
	}
	inner := &fetching{
		Source: goateetest.NewSource(deployment, update(1), update(2)),
		docs:   map[int32]string{1: `{"_id": 1, "s": "on"}`, 2: `{"_id": 2, "s": "off"}`},
	}
	src := transform.RelateSource(inner, c, transform.Relate{Namespace: "db.thing", WithNamespace: "db.state", SrcField: "s", KeepSrc: true})
	var batches []*goatee.Batch
	require.NoError(t, src.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		batches = append(batches, b)
		return nil
	}))
	require.Len(t, batches, 2)
	require.Len(t, batches[0].Changes, 2)
	require.Equal(t, 2, inner.fetched)
	for _, c := range batches[1].Changes {
		require.True(t, c.Document.IsZero(), "what was fetched is let go: the batch was not accounted for with it")
	}
	require.Implements(t, (*goatee.DocumentFetcher)(nil), src)
	require.Implements(t, (*goatee.Starter)(nil), src)
	require.Equal(t, deployment, src.Name())

	plain := transform.RelateSource(goateetest.NewSource(deployment), c)
	_, fetches := plain.(goatee.DocumentFetcher)
	_, starts := plain.(goatee.Starter)
	require.False(t, fetches || starts)
}

type direct struct{ *goateetest.Source }

func (direct) Stateful() bool { return true }

func TestRelateMisuse(t *testing.T) {
	c, _ := things()
	src := goateetest.NewSource(deployment)
	ok := transform.Relate{Namespace: "a.b", WithNamespace: "a.c"}
	with := func(change func(*transform.Relate)) goatee.Source {
		r := ok
		change(&r)
		return transform.RelateSource(src, c, r)
	}
	for name, s := range map[string]goatee.Source{
		"Namespace":      with(func(r *transform.Relate) { r.Namespace = "a" }),
		"WithNamespace":  with(func(r *transform.Relate) { r.WithNamespace = "" }),
		"SrcField":       with(func(r *transform.Relate) { r.SrcField = "a..b" }),
		"MatchField":     with(func(r *transform.Relate) { r.MatchField = "." }),
		"MatchFieldType": with(func(r *transform.Relate) { r.MatchFieldType = "objectid" }),
		"MaxDepth":       with(func(r *transform.Relate) { r.MaxDepth = -1 }),
		"no Finder":      transform.RelateSource(src, nil, ok),
		"no source":      transform.RelateSource(nil, c, ok),
		"direct read":    transform.RelateSource(direct{src}, c, ok),
	} {
		var config *goatee.ConfigError
		require.ErrorAs(t, s.(goatee.Checker).Check(t.Context()), &config, name)
		require.ErrorAs(t, s.Run(t.Context(), goatee.Position{}, nil), &config, name)
	}
}
