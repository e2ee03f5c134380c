// Package sinktest holds the tests that every goatee.Sink passes: goatee's own and those of users.
package sinktest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// Reader shows what a sink has made durable.
type Reader interface {
	// Get returns a document as JSON, or nil when there is none.
	Get(ctx context.Context, index, id, routing string) (json.RawMessage, error)
}

// Features are what not every sink can do, and not every test can arrange.
type Features struct {
	// Block makes an index, which exists, refuse all writes, and returns what lets it take them again. Default: nil, and
	// what a sink does about blocked indices is not tested.
	Block func(t *testing.T, index string) (unblock func())
}

// Run tests a sink. open returns a sink, a reader of what it writes and what more can be tested; they may be used before
// and after by others: each test writes to namespaces whose database nobody else has.
func Run(t *testing.T, open func(t *testing.T) (goatee.Sink, Reader, Features)) {
	for name, test := range map[string]func(*suite){
		"what was written can be read":                   (*suite).durable,
		"an empty write is fine":                         (*suite).empty,
		"the last action of a document counts":           (*suite).order,
		"without versions, too":                          (*suite).orderWithoutVersions,
		"writes follow one another":                      (*suite).writesFollow,
		"a replay changes nothing":                       (*suite).replay,
		"an older version is superseded":                 (*suite).superseded,
		"changes of one transaction share a version":     (*suite).sameVersion,
		"a delete of what is not there is fine":          (*suite).deleteMissing,
		"updates merge":                                  (*suite).update,
		"index, id and routing are those of the action":  (*suite).overrides,
		"decoded documents are written as edited":        (*suite).decoded,
		"any id is kept":                                 (*suite).ids,
		"refused actions harm no other":                  (*suite).refused,
		"failures own what they hold":                    (*suite).errorsAreValues,
		"an action without a change harms no other":      (*suite).noChange,
		"a delete of what can never have been is fine":   (*suite).deleteImpossible,
		"a blocked index delays no other":                (*suite).blocked,
		"a drop of a blocked index is reported":          (*suite).dropBlocked,
		"a batch of refused actions":                     (*suite).allRefused,
		"a drop deletes the documents of its collection": (*suite).drop,
		"a drop of what is not there is fine":            (*suite).dropMissing,
		"actions belong to the caller again":             (*suite).reuse,
		"goroutines write documents of their own":        (*suite).concurrent,
		"an ended context is an error":                   (*suite).cancelled,
	} {
		t.Run(name, func(t *testing.T) {
			sink, reader, features := open(t)
			id := primitive.NewObjectID().Hex()
			test(&suite{
				T: t, sink: sink, reader: reader, features: features,
				ns: goatee.Namespace{Database: "Goatee" + id, Collection: "docs"},
			})
		})
	}
}

type suite struct {
	*testing.T
	sink     goatee.Sink
	reader   Reader
	features Features
	ns       goatee.Namespace
}

func (s *suite) action(kind goatee.ActionKind, id any, at uint32, doc any) goatee.Action {
	s.Helper()
	c := &goatee.Change{Op: goatee.OpReplace, Namespace: s.ns, ClusterTime: primitive.Timestamp{T: 1_600_000_000, I: at}}
	typ, value, err := bson.MarshalValue(id)
	require.NoError(s, err)
	c.ID = bson.RawValue{Type: typ, Value: value}
	if kind == goatee.ActionDelete {
		c.Op = goatee.OpDelete
	}
	if doc != nil {
		raw, err := bson.Marshal(doc)
		require.NoError(s, err)
		c.Document = goatee.NewDocument(raw)
	}
	return goatee.Action{Kind: kind, Change: c}
}

func (s *suite) index(id any, at uint32, doc any) goatee.Action {
	return s.action(goatee.ActionIndex, id, at, doc)
}

func (s *suite) remove(id any, at uint32) goatee.Action {
	return s.action(goatee.ActionDelete, id, at, nil)
}

func (s *suite) write(actions ...goatee.Action) {
	s.Helper()
	require.NoError(s, s.sink.Write(s.Context(), actions))
}

// has requires that the document in the namespace's index is want, or that there is none when want is empty.
func (s *suite) has(id, want string) {
	s.Helper()
	s.hasAt(s.home(), id, "", want)
}

func (s *suite) hasAt(index, id, routing, want string) {
	s.Helper()
	got, err := s.reader.Get(s.Context(), index, id, routing)
	require.NoError(s, err)
	if want == "" {
		require.Nil(s, got, "%s/%s", index, id)
		return
	}
	require.NotNil(s, got, "%s/%s is not there", index, id)
	require.JSONEq(s, want, string(got))
}

func (s *suite) durable() {
	oid := primitive.NewObjectID()
	s.write(
		s.index("a", 1, bson.D{{Key: "_id", Value: "a"}, {Key: "n", Value: 1.5}}),
		s.index(oid, 2, bson.D{{Key: "_id", Value: oid}, {Key: "s", Value: "x"}}),
		s.index("gone", 3, bson.M{"n": 1}),
		s.remove("gone", 4),
	)
	s.has("a", `{"n":1.5}`)
	s.has(oid.Hex(), `{"s":"x"}`)
	s.has("gone", "")
}

func (s *suite) empty() { s.write() }

func (s *suite) order() {
	var actions []goatee.Action
	for n := range uint32(200) {
		actions = append(actions, s.index(fmt.Sprint(n%7), n, bson.M{"n": n}))
	}
	actions = append(actions, s.remove("0", 300), s.remove("1", 301), s.index("1", 302, bson.M{"n": -1}))
	s.write(actions...)
	s.has("0", "")
	s.has("1", `{"n":-1}`)
	s.has("2", `{"n":198}`)
	s.has("3", `{"n":199}`)
	s.has("4", `{"n":193}`)
}

func (s *suite) orderWithoutVersions() {
	var actions []goatee.Action
	for n := range 100 {
		a := s.index("x", 0, bson.M{"n": n})
		a.VersionType = goatee.VersionInternal
		actions = append(actions, a)
	}
	s.write(actions...)
	s.has("x", `{"n":99}`)
}

func (s *suite) writesFollow() {
	for n := range uint32(10) {
		s.write(s.index("x", n+1, bson.M{"n": n}))
		s.has("x", fmt.Sprintf(`{"n":%d}`, n))
	}
}

func (s *suite) replay() {
	actions := []goatee.Action{
		s.index("a", 1, bson.M{"n": 1}), s.index("b", 2, bson.M{"n": 1}), s.remove("a", 3), s.index("b", 4, bson.M{"n": 2}),
		s.index("c", 5, bson.M{"n": 1}),
	}
	s.write(actions...)
	for from := range actions {
		s.write(actions[from:]...)
		s.has("a", "")
		s.has("b", `{"n":2}`)
		s.has("c", `{"n":1}`)
	}
}

func (s *suite) superseded() {
	s.write(s.index("a", 5, bson.M{"n": "new"}), s.index("b", 5, bson.M{}), s.remove("b", 6))
	s.write(s.index("a", 4, bson.M{"n": "old"}), s.index("b", 4, bson.M{"n": "old"}), s.remove("a", 4))
	s.has("a", `{"n":"new"}`)
	s.has("b", "")
}

func (s *suite) sameVersion() {
	s.write(s.index("a", 5, bson.M{"n": 1}), s.remove("a", 5), s.index("a", 5, bson.M{"n": 2}))
	s.has("a", `{"n":2}`)
}

func (s *suite) deleteMissing() { s.write(s.remove("never", 1)) }

func (s *suite) update() {
	s.write(
		s.action(goatee.ActionUpdate, "a", 1, bson.M{"x": 1}),
		s.action(goatee.ActionUpdate, "a", 2, bson.M{"y": 2}),
	)
	s.has("a", `{"x":1,"y":2}`)
}

func (s *suite) overrides() {
	a := s.index("a", 1, bson.M{"n": 1})
	a.Index, a.ID, a.Routing = strings.ToLower(s.ns.String())+"-2", "other", "r"
	s.write(a)
	s.hasAt(a.Index, "other", "r", `{"n":1}`)
	d := s.remove("a", 2)
	d.Index, d.ID, d.Routing = a.Index, a.ID, a.Routing
	s.write(d)
	s.hasAt(a.Index, "other", "r", "")
}

func (s *suite) decoded() {
	a := s.index("a", 1, bson.M{"_id": "a", "keep": 1, "leave": 2})
	m, err := a.Body().Map()
	require.NoError(s, err)
	delete(m, "leave")
	m["list"] = bson.A{"x", nil, "z"}
	s.write(a)
	s.has("a", `{"keep":1,"list":["x",null,"z"]}`)
}

func (s *suite) ids() {
	long := strings.Repeat("é", 256)
	ids := []string{"with space", `q"uo\te`, "a/b?c#d&e=f%20+", "\x7f\x01\n\t", "ключ 鍵 🔑", "<&>", "..", "_x", long}
	var actions []goatee.Action
	for i, id := range ids {
		actions = append(actions, s.index(id, 1, bson.M{"n": i}))
	}
	s.write(actions...)
	for i, id := range ids {
		s.has(id, fmt.Sprintf(`{"n":%d}`, i))
	}
}

func (s *suite) refused() {
	noID := s.index("x", 1, bson.M{"n": 1})
	noID.Change.ID = bson.RawValue{}
	badIndex := s.index("x", 1, bson.M{"n": 1})
	badIndex.Index = "not an index"
	actions := []goatee.Action{
		s.index("a", 1, bson.M{"n": 1}), noID, s.index("b", 1, bson.M{"n": 1}), s.index("nan", 1, bson.M{"n": math.NaN()}),
		badIndex, s.index("c", 1, bson.M{"n": 1}),
	}
	failed := s.failures(actions...)
	require.Len(s, failed, 3)
	for _, ordinal := range []int{1, 3, 4} {
		require.Contains(s, failed, ordinal)
		require.Equal(s, goatee.ClassRefused, failed[ordinal].Class)
		require.Equal(s, s.ns, failed[ordinal].Namespace)
		require.NotEmpty(s, failed[ordinal].Error())
		require.NotZero(s, failed[ordinal].Time)
	}
	for _, id := range []string{"a", "b", "c"} {
		s.has(id, `{"n":1}`)
	}
}

func (s *suite) allRefused() {
	actions := []goatee.Action{s.index("", 1, bson.M{}), s.index(strings.Repeat("x", 513), 1, bson.M{})}
	require.Len(s, s.failures(actions...), 2)
}

// failures writes actions and returns those that are not durable, by their ordinals.
func (s *suite) failures(actions ...goatee.Action) map[int]*goatee.ActionError {
	s.Helper()
	failed, rest := goatee.SplitBatchError(s.sink.Write(s.Context(), actions))
	require.NoError(s, rest)
	by := map[int]*goatee.ActionError{}
	for _, f := range failed {
		require.NotContains(s, by, f.Ordinal, "one failure for each action")
		require.Less(s, f.Ordinal, len(actions))
		by[f.Ordinal] = f
	}
	return by
}

// home returns where documents of the suite's namespace go.
func (s *suite) home() string { return strings.ToLower(s.ns.String()) }

func (s *suite) errorsAreValues() {
	bad := s.index("nan", 7, bson.M{"n": math.NaN()})
	bad.Routing = "r"
	actions := []goatee.Action{s.index("a", 1, bson.M{"n": 1}), bad}
	f := s.failures(actions...)[1]
	require.NotNil(s, f)
	before := *f
	before.DocumentID.Value = append([]byte(nil), f.DocumentID.Value...)
	text := f.Error()
	clear(bad.Change.ID.Value)
	*bad.Change = goatee.Change{}
	clear(actions)
	require.NoError(s, s.sink.Write(s.Context(), []goatee.Action{s.index("other", 1, bson.M{"n": 1})}))
	require.Equal(s, before, *f)
	require.Equal(s, text, f.Error())
	require.Equal(s, goatee.Target{Index: s.home(), ID: "nan", Routing: "r"}, f.Target)
	require.Equal(s, int64(1_600_000_000)<<32|7, f.Version)
	require.Equal(s, "nan", f.DocumentID.StringValue())
}

func (s *suite) noChange() {
	for _, kind := range []goatee.ActionKind{goatee.ActionIndex, goatee.ActionDelete, goatee.ActionDrop} {
		failed := s.failures(goatee.Action{Kind: kind, ID: "x"}, s.index("a", 1, bson.M{"n": 1}))
		require.Len(s, failed, 1)
		require.NotEmpty(s, failed[0].Error())
		s.has("a", `{"n":1}`)
	}
}

func (s *suite) deleteImpossible() {
	nowhere := s.remove("x", 1)
	nowhere.Change.Namespace.Collection = "a#b"
	s.write(s.remove("", 1), s.remove(strings.Repeat("x", 513), 1), nowhere, s.index("a", 1, bson.M{"n": 1}))
	s.has("a", `{"n":1}`)
}

func (s *suite) blocked() {
	if s.features.Block == nil {
		s.Skip("the test blocks no index")
	}
	other := s.index("b", 1, bson.M{"n": 1})
	other.Index = s.home() + "-2"
	s.write(s.index("a", 1, bson.M{"n": 1}), other)
	unblock := s.features.Block(s.T, s.home())
	update := s.index("b", 3, bson.M{"n": 2})
	update.Index = other.Index
	actions := []goatee.Action{s.index("a", 2, bson.M{"n": 2}), update, s.remove("c", 4)}
	failed := s.failures(actions...)
	require.Len(s, failed, 2)
	for _, ordinal := range []int{0, 2} {
		require.Contains(s, failed, ordinal)
		require.Equal(s, goatee.ClassBlocked, failed[ordinal].Class)
		require.Equal(s, s.home(), failed[ordinal].Target.Index)
		require.NotZero(s, failed[ordinal].Status)
		require.NotZero(s, failed[ordinal].Attempts)
	}
	s.hasAt(other.Index, "b", "", `{"n":2}`)
	unblock()
	s.write(actions...)
	s.has("a", `{"n":2}`)
}

func (s *suite) dropBlocked() {
	if s.features.Block == nil {
		s.Skip("the test blocks no index")
	}
	s.write(s.index("a", 1, bson.M{"n": 1}))
	unblock := s.features.Block(s.T, s.home())
	drops := []goatee.Action{
		{Kind: goatee.ActionDrop, Change: &goatee.Change{Op: goatee.OpDrop, Namespace: s.ns}},
		{Kind: goatee.ActionDrop, Change: &goatee.Change{
			Op: goatee.OpDropDatabase, Namespace: goatee.Namespace{Database: s.ns.Database},
		}},
	}
	failed := s.failures(drops...)
	require.Len(s, failed, 2)
	for _, f := range failed {
		require.Equal(s, goatee.ClassBlocked, f.Class)
		require.Equal(s, goatee.Target{Index: s.home()}, f.Target)
	}
	unblock()
	s.write(drops...)
	s.has("a", "")
}

func (s *suite) drop() {
	other := s.ns
	other.Database += "2"
	kept := s.index("x", 1, bson.M{"n": 1})
	kept.Change.Namespace = other
	s.write(s.index("a", 1, bson.M{"n": 1}), kept)
	for n, c := range []goatee.Change{
		{Op: goatee.OpDrop, Namespace: s.ns},
		{Op: goatee.OpDropDatabase, Namespace: goatee.Namespace{Database: s.ns.Database}},
	} {
		s.write(goatee.Action{Kind: goatee.ActionDrop, Change: &c})
		s.has("a", "")
		s.hasAt(strings.ToLower(other.String()), "x", "", `{"n":1}`)
		s.write(s.index("a", 1, bson.M{"n": n}))
		s.has("a", fmt.Sprintf(`{"n":%d}`, n))
	}
}

func (s *suite) dropMissing() {
	s.write(goatee.Action{Kind: goatee.ActionDrop, Change: &goatee.Change{Op: goatee.OpDrop, Namespace: s.ns}})
	whole := goatee.Namespace{Database: s.ns.Database}
	s.write(goatee.Action{Kind: goatee.ActionDrop, Change: &goatee.Change{Op: goatee.OpDropDatabase, Namespace: whole}})
}

func (s *suite) reuse() {
	a := s.index("a", 1, bson.M{"n": "first"})
	raw, err := a.Body().Raw()
	require.NoError(s, err)
	actions := []goatee.Action{a}
	s.write(actions...)
	clear(raw)
	actions[0] = goatee.Action{}
	s.has("a", `{"n":"first"}`)
}

func (s *suite) concurrent() {
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for worker := range errs {
		wg.Go(func() {
			for n := range uint32(20) {
				actions := []goatee.Action{
					s.index(fmt.Sprintf("%d-last", worker), n, bson.M{"n": n}),
					s.index(fmt.Sprintf("%d-%d", worker, n), n, bson.M{"n": n}),
				}
				if err := s.sink.Write(s.Context(), actions); err != nil {
					errs[worker] = err
					return
				}
			}
		})
	}
	wg.Wait()
	for worker, err := range errs {
		require.NoError(s, err)
		s.has(fmt.Sprintf("%d-last", worker), `{"n":19}`)
		s.has(fmt.Sprintf("%d-7", worker), `{"n":7}`)
	}
}

func (s *suite) cancelled() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	err := s.sink.Write(ctx, []goatee.Action{s.index("a", 1, bson.M{"n": 1})})
	require.Error(s, err)
	var batch *goatee.BatchError
	require.NotErrorAs(s, err, &batch, "what is unknown is not refused")
}
