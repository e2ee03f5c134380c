package relate_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/relate"
)

// fetching is a source whose updates come without documents.
type fetching struct {
	*goateetest.Source
	docs    map[int32]string // one that is missing cannot be read
	fetched int
}

var errUnreadable = errors.New("unreadable")

func (f *fetching) Fetch(_ context.Context, changes []*goatee.Change, fail func(*goatee.Change, error)) ([]*goatee.Change, error) {
	f.fetched++
	c := changes[0] // one at a time, as if documents were large
	if doc, ok := f.docs[c.ID.Int32()]; ok {
		c.Document = goateetest.Insert("db.thing", doc).Document
	} else {
		fail(c, errUnreadable)
	}
	return changes[1:], nil
}

func (f *fetching) Start(context.Context) (goatee.Position, error) {
	return goatee.Position{Token: bson.Raw{5, 0, 0, 0, 0}}, nil
}

// updateOf is an update of a thing that comes without its document.
func updateOf(id int) *goatee.Change {
	u := goateetest.Update("db.thing", bson.M{"_id": id}, nil)
	u.Document = goatee.Document{}
	return u
}

func TestDocumentsThatAreNeededAreFetchedAndLetGo(t *testing.T) {
	c, _ := things()
	inner := &fetching{
		Source: goateetest.NewSource(deployment, updateOf(1), updateOf(2)),
		docs:   map[int32]string{1: `{"_id": 1, "s": "on"}`, 2: `{"_id": 2, "s": "off"}`},
	}
	src := newSource(t, inner, c, relate.Relation{Namespace: "db.thing", WithNamespace: "db.state", SrcField: "s", KeepSrc: true})
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
}

func TestADocumentThatCannotBeFetchedFailsItsChangeAlone(t *testing.T) {
	c, _ := things()
	inner := &fetching{
		Source: goateetest.NewSource(deployment, updateOf(1), updateOf(2)), docs: map[int32]string{2: `{"_id": 2, "s": "off"}`},
	}
	lines, errs := runRelated(t, newSource(t, inner, c,
		relate.Relation{Namespace: "db.thing", WithNamespace: "db.state", SrcField: "s", KeepSrc: true}))
	require.Equal(t, []string{"start: read db.state/off", "2: failed update db.thing/1 update db.thing/2"}, lines)
	require.ErrorIs(t, errs[0], errUnreadable)
}

func TestCapabilitiesOfTheInnerSourceAreFound(t *testing.T) {
	c, _ := things()
	inner := &fetching{Source: goateetest.NewSource(deployment)}
	src := newSource(t, inner, c)
	_, fetches := goatee.As[goatee.DocumentFetcher](src)
	_, starts := goatee.As[goatee.Starter](src)
	require.True(t, fetches && starts)
	require.Equal(t, deployment, src.Name())
	require.Equal(t, goatee.Identify(inner), goatee.Identify(src))

	_, fetches = goatee.As[goatee.DocumentFetcher](newSource(t, goateetest.NewSource(deployment), c))
	require.False(t, fetches)
}

// instrumented counts how often it is given a logger.
type instrumented struct {
	goatee.Source
	transform.Finder
	n *int
}

func (i instrumented) Instrument(*slog.Logger, goatee.Observer) { *i.n++ }

func TestTheFinderAndTheInnerSourceAreInstrumentedOnce(t *testing.T) {
	c, _ := things()
	var n int
	both := instrumented{goateetest.NewSource(deployment), c, &n}
	_, err := goatee.New(goatee.WithSource(newSource(t, both, both)), goatee.WithSink(goateetest.NewSink()))
	require.NoError(t, err)
	require.Equal(t, 2, n)
}

type direct struct{ *goateetest.Source }

func (direct) Namespace() goatee.Namespace { return goatee.Namespace{} }
func (direct) Stateful() bool              { return true }
func (direct) Begun() bool                 { return true }

func TestMisuseIsReportedByTheConstructor(t *testing.T) {
	c, _ := things()
	src := goateetest.NewSource(deployment)
	ok := relate.Relation{Namespace: "a.b", WithNamespace: "a.c"}
	for setting, change := range map[string]func(*relate.Relation){
		"Namespace":      func(r *relate.Relation) { r.Namespace = "a" },
		"WithNamespace":  func(r *relate.Relation) { r.WithNamespace = "" },
		"SrcField":       func(r *relate.Relation) { r.SrcField = "a..b" },
		"MatchField":     func(r *relate.Relation) { r.MatchField = "." },
		"MatchFieldType": func(r *relate.Relation) { r.MatchFieldType = "objectid" },
		"MaxDepth":       func(r *relate.Relation) { r.MaxDepth = -1 },
	} {
		r := ok
		change(&r)
		_, err := relate.NewSource(src, c, r)
		requireSetting(t, "relate.Relation."+setting, err)
	}
	for _, args := range []struct {
		src    goatee.Source
		finder transform.Finder
	}{{src, nil}, {nil, c}, {struct{ goatee.Source }{direct{src}}, c}} {
		_, err := relate.NewSource(args.src, args.finder, ok)
		requireSetting(t, "relate.NewSource", err)
	}
}

func requireSetting(t *testing.T, setting string, err error) {
	t.Helper()
	var config *goatee.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, setting, config.Setting)
}
