package relate_test

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
	"github.com/goatee-sync/goatee/transform/relate"
)

const deployment = "change-stream:"

// newSource returns a source with relations, or fails the test.
func newSource(t *testing.T, src goatee.Source, f transform.Finder, relations ...relate.Relation) goatee.Source {
	t.Helper()
	s, err := relate.NewSource(src, f, relations...)
	require.NoError(t, err)
	return s
}

// related runs a source with relations over changes and returns the batches as lines: position, operation, namespace/id, and
// for what failed "failed" and the same.
func related(t *testing.T, f transform.Finder, relations []relate.Relation, changes ...*goatee.Change) []string {
	t.Helper()
	lines, _ := runRelated(t, newSource(t, goateetest.NewSource(deployment, changes...), f, relations...))
	return lines
}

// runRelated also returns the errors of what failed.
func runRelated(t *testing.T, src goatee.Source) (lines []string, errs []error) {
	t.Helper()
	err := src.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		at := "start"
		if !b.Position.IsZero() {
			at = fmt.Sprint(b.Position.Token.Lookup("changes").Int32())
		}
		line := at + ":"
		for _, f := range b.Failed {
			line += " failed" + changeText(t, &f.Change)
			errs = append(errs, f.Err)
		}
		for i := range b.Changes {
			line += changeText(t, &b.Changes[i])
		}
		lines = append(lines, line)
		return nil
	})
	require.NoError(t, err)
	return lines, errs
}

func changeText(t *testing.T, c *goatee.Change) string {
	t.Helper()
	id, err := transform.Text(c.ID)
	require.NoError(t, err)
	return fmt.Sprintf(" %s %s/%s", c.Op, c.Namespace, id)
}

// things is the seed's example: a state changes, and its things are read through a view.
func things() (*goateetest.Collections, []relate.Relation) {
	c := goateetest.NewCollections()
	c.Put("db.state", `{"_id": "on"}`, `{"_id": "off"}`)
	c.Put("db.thing", `{"_id": 1, "s": "on"}`, `{"_id": 2, "s": "off"}`, `{"_id": 3, "s": "on"}`)
	c.Put("db.thingview", `{"_id": 1, "s": [{"_id": "on"}]}`, `{"_id": 2, "s": [{"_id": "off"}]}`, `{"_id": 3, "s": [{"_id": "on"}]}`)
	return c, []relate.Relation{
		{Namespace: "db.thing", WithNamespace: "db.thingview"},
		{Namespace: "db.state", WithNamespace: "db.thing", MatchField: "s"},
	}
}

func TestRelateReplicatesAView(t *testing.T) {
	c, relations := things()
	require.Equal(t, []string{"start: read db.thingview/1 read db.thingview/3", "1:"},
		related(t, c, relations, goateetest.Update("db.state", `{"_id": "on"}`, nil)))
	require.Equal(t, 2, c.Queries(), "one query for the things, one for the view")

	require.Equal(t, []string{"start: read db.thingview/2", "1:"},
		related(t, c, relations, goateetest.Insert("db.thing", `{"_id": 2, "s": "off"}`)))

	require.Equal(t, []string{"1: insert db.other/5"}, related(t, c, relations, goateetest.Insert("db.other", `{"_id": 5}`)))
}

func TestRelateDeletesWhatTheViewNoLongerShows(t *testing.T) {
	c, relations := things()
	c.Remove("db.thing", 1)
	c.Remove("db.thingview", 1)
	want := []string{"start: delete db.thingview/1", "1:"}
	require.Equal(t, want, related(t, c, relations, goateetest.Delete("db.thing", 1)))
	require.Equal(t, want, related(t, c, relations, goateetest.Update("db.thing", `{"_id": 1}`, nil)))
}

func TestRelateCoalescesWithinABatch(t *testing.T) {
	c, relations := things()
	var changes []*goatee.Change
	for range 50 {
		changes = append(changes, goateetest.Update("db.thing", `{"_id": 1}`, nil), goateetest.Update("db.thing", `{"_id": 3}`, nil))
	}
	require.Equal(t, []string{"start: read db.thingview/1 read db.thingview/3", "100:"}, related(t, c, relations, changes...))
	require.Equal(t, 1, c.Queries())
}

func TestRelateKeepSrcMaxDepthAndPreImages(t *testing.T) {
	c, relations := things()
	relations[1].KeepSrc = true
	require.Equal(t, []string{"start: read db.thingview/2", "1: update db.state/off"},
		related(t, c, relations, goateetest.Update("db.state", `{"_id": "off"}`, nil)))

	relations[0].MaxDepth = 1
	require.Equal(t, []string{"1: update db.state/off"}, related(t, c, relations, goateetest.Update("db.state", `{"_id": "off"}`, nil)))

	parents := []relate.Relation{{Namespace: "db.thing", WithNamespace: "db.state", SrcField: "s", KeepSrc: true}}
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
	ask := func(r relate.Relation, src any) []string {
		r.Namespace, r.WithNamespace, r.SrcField, r.KeepSrc = "db.a", "db.b", "v", true
		return related(t, c, []relate.Relation{r}, goateetest.Insert("db.a", bson.M{"_id": 0, "v": src}))
	}
	self := "1: insert db.a/0"
	require.Equal(t, []string{"start: read db.b/exact", self}, ask(relate.Relation{MatchField: "a.b"}, int32(5)))
	require.Equal(t, []string{"start: read db.b/exact read db.b/more", self}, ask(relate.Relation{MatchField: "a.b", DotNotation: true}, int32(5)))
	require.Equal(t, []string{"start: read db.b/text", self}, ask(relate.Relation{MatchField: "a", MatchFieldType: "string"}, 5))
	require.Equal(t, []string{"start: read db.b/oid", self}, ask(relate.Relation{MatchField: "a", MatchFieldType: "objectId"}, oid.Hex()))
	require.Equal(t, []string{"start: read db.b/exact", self}, ask(relate.Relation{MatchField: "a.b", MatchFieldType: "int"}, "5"))
	require.Equal(t, []string{self}, ask(relate.Relation{MatchField: "a.b", MatchFieldType: "long"}, "five"))
	require.Equal(t, []string{"start: read db.b/exact read db.b/more", self},
		ask(relate.Relation{MatchField: "a.b", DotNotation: true, MatchFieldType: "long"}, "5"))
	require.Equal(t, []string{"start: read db.b/money", self}, ask(relate.Relation{MatchField: "a", MatchFieldType: "decimal"}, "1.50"))
	require.Equal(t, []string{self}, ask(relate.Relation{MatchField: "a", MatchFieldType: "objectId"}, "no hex"))
	require.Equal(t, []string{"start: read db.b/exact read db.b/text", self},
		ask(relate.Relation{MatchField: "_id"}, bson.A{"exact", "text", "none"}), "each element of an array")
}

func TestRelateCycleEnds(t *testing.T) {
	c := goateetest.NewCollections()
	c.Put("db.person", `{"_id": 1, "friend": 2}`, `{"_id": 2, "friend": 3}`, `{"_id": 3, "friend": 1}`)
	relations := []relate.Relation{{Namespace: "db.person", WithNamespace: "db.person", MatchField: "friend", KeepSrc: true}}
	lines := related(t, c, relations, goateetest.Update("db.person", `{"_id": 1, "friend": 2}`, nil))
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
	src := newSource(t, goateetest.NewSource(deployment, goateetest.Update("db.parent", `{"_id": 1}`, nil)),
		children(n, &read), relate.Relation{Namespace: "db.parent", WithNamespace: "db.child", MatchField: "p"})
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
	c, relations := things()
	sink := goateetest.NewSink()
	down := errors.New("down")
	c.Fail(down)
	src := newSource(t, goateetest.NewSource(deployment, goateetest.Update("db.state", `{"_id": "on"}`, nil)), c, relations...)
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
