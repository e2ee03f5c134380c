package relate_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/relate"
)

// refusal is the error of a query that MongoDB refuses.
type refusal struct{}

func (refusal) Error() string      { return "can't $divide by zero" }
func (refusal) QueryRefused() bool { return true }

// refusing fails, after what it has found, for queries of a collection that meet the bad document.
func refusing(c *goateetest.Collections, ns string, bad any) transform.Finder {
	return transform.FindFunc(func(ctx context.Context, n goatee.Namespace, filter, projection bson.D) iter.Seq2[bson.Raw, error] {
		return func(yield func(bson.Raw, error) bool) {
			met := false
			for doc, err := range c.Find(ctx, n, filter, projection) {
				if err == nil && n.String() == ns && doc.Lookup("_id").Equal(valueOf(bad)) {
					met = true
					continue
				}
				if !yield(doc, err) {
					return
				}
			}
			if met {
				yield(nil, refusal{})
			}
		}
	})
}

func valueOf(v any) bson.RawValue {
	t, raw, err := bson.MarshalValue(v)
	if err != nil {
		panic(err)
	}
	return bson.RawValue{Type: t, Value: raw}
}

func thing(id int) *goatee.Change {
	return goateetest.Update("db.thing", bson.M{"_id": id, "s": "x"}, nil)
}

func TestAValueThatIsRefusedFailsTheChangeThatHasIt(t *testing.T) {
	c, relations := things()
	src := newSource(t, goateetest.NewSource(deployment, thing(1), thing(2), thing(3), thing(2)), refusing(c, "db.thingview", 2), relations...)
	lines, errs := runRelated(t, src)
	require.Equal(t, []string{
		"start: read db.thingview/1", "start: read db.thingview/3", "4: failed update db.thing/2",
	}, lines, "once, by the last change; there is no delete of what is not known to be gone")
	require.ErrorIs(t, errs[0], refusal{})
	require.EqualError(t, errs[0], "relate db.thing with db.thingview by _id 2: can't $divide by zero")
}

func TestAValueThatIsRefusedFurtherOnFailsTheChangeThatLedThere(t *testing.T) {
	c, relations := things()
	state := func(id string) *goatee.Change { return goateetest.Update("db.state", bson.M{"_id": id}, nil) }
	src := newSource(t, goateetest.NewSource(deployment, state("off"), state("on")), refusing(c, "db.thingview", 3), relations...)
	lines, errs := runRelated(t, src)
	require.Len(t, errs, 1)
	require.Equal(t, "2: failed update db.state/on", lines[len(lines)-1], "thing 3 has state on")
	require.Contains(t, strings.Join(lines, "\n"), "read db.thingview/1")
	require.Contains(t, strings.Join(lines, "\n"), "read db.thingview/2")
}

func TestWhatComesBeforeARefusalOfOneValueIsNotLost(t *testing.T) {
	c, _ := things()
	byState := relate.Relation{Namespace: "db.state", WithNamespace: "db.thing", MatchField: "s", KeepSrc: true}
	src := newSource(t, goateetest.NewSource(deployment, goateetest.Update("db.state", `{"_id": "on"}`, nil)), refusing(c, "db.thing", 3), byState)
	lines, _ := runRelated(t, src)
	require.Equal(t, []string{"start: read db.thing/1", "1: failed update db.state/on update db.state/on"}, lines)
}

func TestARelatedDocumentWithoutIDFailsTheChangeThatLedToIt(t *testing.T) {
	c, relations := things()
	noID := transform.FindFunc(func(ctx context.Context, n goatee.Namespace, filter, _ bson.D) iter.Seq2[bson.Raw, error] {
		return c.Find(ctx, n, filter, bson.D{{Key: "_id", Value: 0}})
	})
	lines, errs := runRelated(t, newSource(t, goateetest.NewSource(deployment, thing(1)), noID, relations[0]))
	require.ErrorContains(t, errs[0], "no _id")
	require.Contains(t, lines[len(lines)-1], "failed update db.thing/1")
}

func TestALongValueIsCutInTheError(t *testing.T) {
	c := goateetest.NewCollections()
	id := strings.Repeat("é", 100_000)
	c.Put("db.v", bson.M{"_id": id})
	src := newSource(t, goateetest.NewSource(deployment, goateetest.Update("db.a", bson.M{"_id": id}, nil)),
		refusing(c, "db.v", id), relate.Relation{Namespace: "db.a", WithNamespace: "db.v"})
	_, errs := runRelated(t, src)
	require.Less(t, len(errs[0].Error()), 300)
	require.Contains(t, errs[0].Error(), "é…: can't $divide by zero")
}

func TestAnUnreadableDocumentFailsItsChangeAlone(t *testing.T) {
	c, _ := things()
	broken := goateetest.Insert("db.thing", `{"_id": 1, "s": "on"}`)
	raw, err := broken.Document.Raw()
	require.NoError(t, err)
	raw = append(bson.Raw(nil), raw...)
	raw[4] = 0x7e // no BSON type
	broken.Document = goatee.NewDocument(raw)
	relation := relate.Relation{Namespace: "db.thing", WithNamespace: "db.state", SrcField: "s", KeepSrc: true}
	good := goateetest.Insert("db.thing", `{"_id": 2, "s": "off"}`)
	lines, errs := runRelated(t, newSource(t, goateetest.NewSource(deployment, broken, good), c, relation))
	require.Len(t, errs, 1)
	require.Equal(t, []string{"start: read db.state/off", "2: failed insert db.thing/1 insert db.thing/2"}, lines)
}

func TestAnErrorThatIsNoRefusalEndsTheRun(t *testing.T) {
	c, relations := things()
	denied := errors.New("not authorized")
	c.Fail(denied)
	released := 0
	src := newSource(t, releasing{goateetest.NewSource(deployment, thing(1)), &released}, c, relations...)
	err := src.Run(t.Context(), goatee.Position{}, func(context.Context, *goatee.Batch) error { return nil })
	require.ErrorIs(t, err, denied)
	require.ErrorContains(t, err, "relate db.thing with db.thingview")
	require.Equal(t, 1, released)
}

// releasing counts releases of batches.
type releasing struct {
	goatee.Source
	released *int
}

func (r releasing) Run(ctx context.Context, from goatee.Position, emit goatee.EmitFunc) error {
	return r.Source.Run(ctx, from, func(ctx context.Context, b *goatee.Batch) error {
		b.Release = func() { *r.released++ }
		return emit(ctx, b)
	})
}

// Through a whole pipeline: one dead letter, the other documents are there, and the position goes on.
func TestOneDeadLetterAndEverythingElseIsWritten(t *testing.T) {
	c, relations := things()
	sink := goateetest.NewSink()
	var letters []goatee.DeadLetter
	s, err := goatee.New(goatee.WithSink(sink),
		goatee.WithSource(newSource(t, goateetest.NewSource(deployment, thing(1), thing(2), thing(3)), refusing(c, "db.thingview", 2), relations...)),
		goatee.WithObserver(goatee.Observer{DeadLetter: func(d goatee.DeadLetter) { letters = append(letters, d) }}))
	require.NoError(t, err)
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrRefused)
	require.Len(t, letters, 1)
	require.Equal(t, goatee.StageRead, letters[0].Stage)
	require.Equal(t, "db.thing", letters[0].Namespace.String())
	require.EqualValues(t, 2, letters[0].DocumentID.Int32())
	require.ErrorIs(t, letters[0].Err, refusal{})
	require.Len(t, sink.Documents("db.thingview"), 2)
}
