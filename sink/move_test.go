package sink_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
)

// at is a step in a document's life: it is written, or deleted when the place is gone.
type at struct{ index, routing, id string }

var (
	home    = at{}
	special = at{index: "special"}
	routed  = at{routing: "r"}
	gone    = at{index: "gone"}
)

func (p at) action(id string, version uint32) goatee.Action {
	if p == gone {
		return remove(id, version)
	}
	return placed(index(id, version, bson.M{"v": version}), p.index, p.routing, p.id)
}

// copies returns where there are documents, as index/id@routing: version.
func copies(es *fakees.Server) []string {
	found := []string{}
	for _, name := range es.Indices() {
		for id, d := range es.Docs(name) {
			found = append(found, fmt.Sprintf("%s/%s@%s: %s", name, id, d.Routing, d.Source))
		}
	}
	slices.Sort(found)
	return found
}

func (p at) want(id string, version uint32) string {
	name := p.index
	if name == "" {
		name = "shop.orders"
	}
	if p.id != "" {
		id = p.id
	}
	return fmt.Sprintf(`%s/%s@%s: {"v":%d}`, name, id, p.routing, version)
}

func TestMovesLeaveNoCopyBehind(t *testing.T) {
	lives := map[string][]at{
		"to the default place":                     {special, home},
		"to the default place, then deleted":       {special, home, gone},
		"from the default place":                   {home, special},
		"from the default place, then deleted":     {home, special, gone},
		"there and back":                           {home, special, home},
		"there and back, then deleted":             {home, special, home, gone},
		"between indices":                          {special, {index: "other"}},
		"between routings":                         {routed, {routing: "q"}},
		"from the default routing":                 {home, routed},
		"to the default routing, then deleted":     {routed, home, gone},
		"deleted, and written elsewhere":           {special, gone, home},
		"deleted, and written elsewhere, and back": {special, gone, routed, special},
		"stays": {special, special, special},
	}
	ids := map[string][]at{
		"between ids":                  {{id: "other"}, {id: "another"}},
		"from the default id":          {home, {id: "other"}},
		"to the default id":            {{id: "other"}, home},
		"between ids, deleted":         {home, {id: "other"}, {id: "another"}, gone},
		"everything, back and deleted": {{"a", "r", "x"}, {"b", "q", "y"}, {"a", "r", "x"}, gone},
	}
	for _, strategy := range []string{"stateful", "stateless, clean moves"} {
		all := []map[string][]at{lives}
		if strategy == "stateful" {
			all = append(all, ids)
		}
		for _, lives := range all {
			for name, life := range lives {
				for _, how := range []string{"in one batch", "one by one", "and replayed"} {
					t.Run(strategy+"/"+name+"/"+how, func(t *testing.T) {
						es := fakees.New()
						s := strategies(t, newBulk(t, es))[strategy]
						var actions []goatee.Action
						for i, p := range life {
							actions = append(actions, p.action("x", uint32(i+1)))
						}
						if how == "in one batch" {
							write(t, s, actions...)
						} else {
							for i := range actions {
								write(t, s, actions[i])
							}
						}
						if how == "and replayed" {
							for from := range actions {
								write(t, s, actions[from:]...)
							}
						}
						last := life[len(life)-1]
						if last == gone {
							require.Empty(t, copies(es))
							return
						}
						require.Equal(t, []string{last.want("x", uint32(len(life)))}, copies(es))
					})
				}
			}
		}
	}
}

// A direct read, or a replay, may bring what a move has overtaken.
func TestWhatAMoveHasOvertakenIsNotWritten(t *testing.T) {
	for _, strategy := range []string{"stateful", "stateless, clean moves"} {
		for name, life := range map[string][]at{
			"to the default place": {special, home}, "from the default place": {home, special}, "elsewhere": {special, routed},
		} {
			t.Run(strategy+"/"+name, func(t *testing.T) {
				es := fakees.New()
				s := strategies(t, newBulk(t, es))[strategy]
				write(t, s, life[1].action("x", 2)) // the first of its life is still on its way
				write(t, s, life[0].action("x", 1))
				require.Equal(t, []string{life[1].want("x", 2)}, copies(es))
				es.Forget()
				write(t, s, life[0].action("x", 1))
				require.Equal(t, []string{life[1].want("x", 2)}, copies(es))
				write(t, s, gone.action("x", 3))
				require.Empty(t, copies(es))
			})
		}
	}
}

func TestAMoveToABlockedIndexLeavesTheFormerCopy(t *testing.T) {
	for _, strategy := range []string{"stateful", "stateless, clean moves"} {
		t.Run(strategy, func(t *testing.T) {
			es := fakees.New()
			s := strategies(t, newBulk(t, es))[strategy]
			write(t, s, special.action("x", 1))
			es.Block("other", true)
			move := []goatee.Action{home.action("y", 1), at{index: "other"}.action("x", 2)}
			failed, rest := goatee.SplitBatchError(s.Write(t.Context(), move))
			require.NoError(t, rest)
			require.Len(t, failed, 1)
			require.Equal(t, []any{1, goatee.ClassBlocked, "other"}, []any{failed[0].Ordinal, failed[0].Class, failed[0].Target.Index})
			require.Equal(t, []string{home.want("y", 1), special.want("x", 1)}, copies(es), "it is still found")
			es.Block("other", false)
			write(t, s, move[1])
			require.Equal(t, []string{at{index: "other"}.want("x", 2), home.want("y", 1)}, copies(es))
		})
	}
}

func TestACopyInABlockedIndexIsRemovedLater(t *testing.T) {
	es := fakees.New()
	s := newStateful(t, newBulk(t, es), newMemoryMeta())
	write(t, s, special.action("x", 1))
	es.Block("special", true)
	move := []goatee.Action{home.action("y", 1), home.action("x", 2)}
	failed, rest := goatee.SplitBatchError(s.Write(t.Context(), move))
	require.NoError(t, rest)
	require.Len(t, failed, 1)
	require.Equal(t, []any{1, goatee.ClassBlocked, goatee.ActionDelete, "special"},
		[]any{failed[0].Ordinal, failed[0].Class, failed[0].Kind, failed[0].Target.Index})
	require.Len(t, copies(es), 3)
	es.Block("special", false)
	write(t, s, move[1])
	require.Equal(t, []string{home.want("x", 2), home.want("y", 1)}, copies(es))
}

// Two names may lead to one index: the document must survive its own move from one to the other.
func TestAMoveBetweenNamesOfOneIndexKeepsTheDocument(t *testing.T) {
	for _, strategy := range []string{"stateful", "stateless, clean moves"} {
		t.Run(strategy, func(t *testing.T) {
			es := fakees.New()
			es.Alias("alias", "concrete")
			s := strategies(t, newBulk(t, es))[strategy]
			for i, name := range []string{"alias", "concrete", "alias", "alias"} {
				write(t, s, at{index: name}.action("x", uint32(i+1)))
				require.Equal(t, []string{at{index: "concrete"}.want("x", uint32(i+1))}, copies(es))
			}
		})
	}
}

func TestMovesWithoutVersions(t *testing.T) {
	es := fakees.New()
	s := newStateful(t, newBulk(t, es), newMemoryMeta())
	for i, p := range []at{home, special, routed} {
		a := p.action("x", uint32(i+1))
		a.VersionType = goatee.VersionInternal
		write(t, s, a)
		require.Equal(t, []string{p.want("x", uint32(i+1))}, copies(es))
	}
}

// Actions that a transformer adds for other documents are none of the strategy's business.
func TestActionsForOtherDocumentsAreNoMoves(t *testing.T) {
	es := fakees.New()
	s := newStateful(t, newBulk(t, es), newMemoryMeta())
	for version := range uint32(3) {
		c := change(goatee.OpInsert, "x", version+1, bson.M{"v": version + 1})
		write(t, s,
			goatee.Action{Change: c},
			goatee.Action{Change: c, Index: "history", ID: fmt.Sprint("x-", version+1)},
			goatee.Action{Kind: goatee.ActionUpdate, Change: c, Index: "customers", ID: fmt.Sprint("c-", version)},
		)
	}
	require.Len(t, es.Docs("history"), 3)
	require.Len(t, es.Docs("customers"), 3)
	write(t, s, remove("x", 9))
	require.Empty(t, es.Docs("shop.orders"))
	require.Len(t, es.Docs("history"), 3)
	require.Len(t, es.Docs("customers"), 3)
}

func TestADocumentInSeveralIndicesIsDeletedInAll(t *testing.T) {
	es := fakees.New()
	s := newStateful(t, newBulk(t, es), newMemoryMeta())
	c := change(goatee.OpInsert, "x", 1, bson.M{})
	write(t, s, goatee.Action{Change: c, Index: "a"}, goatee.Action{Change: c, Index: "b", Routing: "r"})
	require.Len(t, copies(es), 2)
	c = change(goatee.OpReplace, "x", 2, bson.M{"v": 2})
	write(t, s, goatee.Action{Change: c, Index: "b", Routing: "r"}, goatee.Action{Change: c, Index: "c"})
	require.Equal(t, []string{`b/x@r: {"v":2}`, `c/x@: {"v":2}`}, copies(es))
	write(t, s, remove("x", 3))
	require.Empty(t, copies(es))
}

func TestDocumentsThatStayCostNoMoreThanALookUp(t *testing.T) {
	es := fakees.New()
	store := newMemoryMeta()
	s := newStateful(t, newBulk(t, es), store)
	write(t, s, home.action("x", 1), special.action("y", 1))
	requests, puts := len(es.Requests()), store.puts
	write(t, s, home.action("x", 2), special.action("y", 2))
	require.Len(t, es.Requests(), requests+1)
	require.Equal(t, puts, store.puts)
	require.Len(t, store.metas, 1, "what stays at its default place is not stored")
	require.Equal(t, []string{"shop.orders", "special"}, es.Indices())
	write(t, s, special.action("z", 1))
	require.Equal(t, []string{"shop.orders", "special"}, es.Indices())
}

func TestOnlyRoutedNamespacesAreLookedUp(t *testing.T) {
	store := newMemoryMeta()
	store.failures = 1 << 30
	s := newStateful(t, newBulk(t, fakees.New()), store, sink.WithRoutedNamespaces("shop.carts"))
	write(t, s, home.action("x", 1), special.action("y", 1), remove("x", 2))
}

// fragile is an Elasticsearch and a store that are cut off after some steps: the process has ended.
type fragile struct {
	es     *fakees.Server
	store  *memoryMeta
	steps  int
	before bool // the last step is not done any more
	cancel context.CancelFunc
}

var errEnded = errors.New("the process has ended")

// step reports whether a step is done, and whether anybody learns of it.
func (f *fragile) step() (done, told bool) {
	f.steps--
	if f.steps == 0 {
		f.cancel()
	}
	return f.steps > 0 || f.steps == 0 && !f.before, f.steps > 0
}

func (f *fragile) Perform(r *http.Request) (*http.Response, error) {
	done, told := f.step()
	if !done {
		return nil, errEnded
	}
	res, err := f.es.Perform(r.WithContext(context.WithoutCancel(r.Context())))
	if !told {
		return nil, errEnded
	}
	return res, err
}

func (f *fragile) do(g func() error) error {
	done, told := f.step()
	if !done {
		return errEnded
	}
	if err := g(); err != nil || told {
		return err
	}
	return errEnded
}

func (f *fragile) Get(ctx context.Context, keys []sink.MetaKey) (found map[sink.MetaKey]sink.Meta, err error) {
	err = f.do(func() error { found, err = f.store.Get(ctx, keys); return err })
	return found, err
}

func (f *fragile) Put(ctx context.Context, metas map[sink.MetaKey]sink.Meta) error {
	return f.do(func() error { return f.store.Put(ctx, metas) })
}

func (f *fragile) Remove(ctx context.Context, keys []sink.MetaKey) error {
	return f.do(func() error { return f.store.Remove(ctx, keys) })
}

func (f *fragile) RemoveNamespace(ctx context.Context, ns goatee.Namespace) error {
	return f.do(func() error { return f.store.RemoveNamespace(ctx, ns) })
}

// Whenever the process ends, and however far back the changes are read again, there is one copy of each document in the
// end, or none of a deleted one.
func TestCrashesWhileDocumentsMove(t *testing.T) {
	for _, strategy := range []string{"stateful", "stateless"} {
		for seed := range uint64(400) {
			random := rand.New(rand.NewPCG(seed, 7))
			es, store := fakees.New(), newMemoryMeta()
			changes, last := randomLives(random, strategy == "stateful")
			for pos := 0; pos < len(changes); {
				ctx, cancel := context.WithCancel(t.Context())
				f := &fragile{es: es, store: store, steps: 1 + random.IntN(12), before: random.IntN(2) == 0, cancel: cancel}
				b := newBulk(t, f, sink.WithBackoff(1, 1))
				s := fragileSink(t, strategy, b, f)
				for pos < len(changes) {
					end := min(pos+1+random.IntN(4), len(changes))
					if err := s.Write(ctx, changes[pos:end]); err != nil {
						require.ErrorIs(t, err, context.Canceled, "seed %d", seed)
						break
					}
					pos = end
				}
				cancel()
				if pos < len(changes) {
					pos = random.IntN(pos + 1) // the position is stored now and then
				}
				if random.IntN(3) == 0 {
					es.Forget()
				}
			}
			want := []string{}
			for id, l := range last {
				if l.place != gone {
					want = append(want, l.place.want(id, l.version))
				}
			}
			slices.Sort(want)
			require.Equal(t, want, copies(es), "%s, seed %d", strategy, seed)
		}
	}
}

func fragileSink(t *testing.T, strategy string, b *sink.Bulk, f *fragile) goatee.Sink {
	if strategy == "stateful" {
		return newStateful(t, b, f)
	}
	return newStateless(t, b, sink.WithCleanMoves(), sink.WithIndexPattern("*"))
}

type lastPlace struct {
	place   at
	version uint32
}

func randomLives(random *rand.Rand, ids bool) (changes []goatee.Action, last map[string]lastPlace) {
	places := []at{home, home, special, routed, {index: "other", routing: "q"}, gone}
	if ids {
		places = append(places, at{id: "own "}, at{index: "other", id: "own "})
	}
	last = map[string]lastPlace{}
	for version := range uint32(8 + random.IntN(12)) {
		id := string("xyz"[random.IntN(3)])
		p := places[random.IntN(len(places))]
		if p.id != "" {
			p.id += id
		}
		last[id] = lastPlace{p, version + 1}
		changes = append(changes, p.action(id, version+1))
	}
	return changes, last
}

func TestMovesOnRealServers(t *testing.T) {
	server := testservers.MongoDB(t)
	db := server.Client(t).Database(server.UniqueDB(t))
	for name, strategy := range map[string]func(*elastic, *sink.Bulk) goatee.Sink{
		"stateful": func(_ *elastic, b *sink.Bulk) goatee.Sink {
			store, err := sink.NewMongoMeta(db.Collection("meta"))
			require.NoError(t, err)
			return newStateful(t, b, store)
		},
		"stateless": func(es *elastic, b *sink.Bulk) goatee.Sink {
			return newStateless(t, b, sink.WithCleanMoves(), sink.WithIndexPattern(es.prefix+"*"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			es := newElastic(t)
			for _, index := range []string{".orders", "-a", "-b"} {
				es.must(http.MethodPut, "/"+es.prefix+index, `{"settings":{"number_of_shards":5,"number_of_replicas":0}}`)
			}
			s := strategy(es, newBulk(t, es))
			lives := [][]at{
				{{}, {index: "-a"}}, {{index: "-a"}, {}}, {{index: "-a"}, {}, gone}, {{routing: "r"}, {routing: "q"}},
				{{index: "-a", routing: "r"}, {index: "-b", routing: "q"}, {}}, {{}, {routing: "r"}, {}, gone}, {{}, {index: "-b"}, {}},
			}
			alive := 0
			for step := range uint32(4) {
				var actions []goatee.Action
				for n, life := range lives {
					if int(step) >= len(life) {
						continue
					}
					p := life[step]
					if p.index != "" && p != gone {
						p.index = es.prefix + p.index
					}
					a := p.action(fmt.Sprint("doc ", n), step+1)
					a.Change.Namespace = goatee.Namespace{Database: es.prefix, Collection: "orders"}
					actions = append(actions, a)
				}
				write(t, s, actions...)
				write(t, s, actions...)
			}
			for _, life := range lives {
				if life[len(life)-1] != gone {
					alive++
				}
			}
			es.must(http.MethodPost, "/"+es.prefix+"*/_refresh", "")
			require.Contains(t, string(es.must(http.MethodGet, "/"+es.prefix+"*/_count", "")), fmt.Sprintf(`"count":%d,`, alive))
		})
	}
}

// The changes of one transaction share a cluster time.
func TestMovesWithinATransaction(t *testing.T) {
	for _, strategy := range []string{"stateful", "stateless, clean moves"} {
		for name, life := range map[string][]at{
			"away": {home, special}, "back": {special, home}, "there and back": {home, special, home}, "gone": {home, special, gone},
		} {
			t.Run(strategy+"/"+name, func(t *testing.T) {
				es := fakees.New()
				s := strategies(t, newBulk(t, es))[strategy]
				var actions []goatee.Action
				for _, p := range life {
					actions = append(actions, p.action("x", 5))
				}
				write(t, s, actions...)
				last := life[len(life)-1]
				if last == gone {
					require.Empty(t, copies(es))
					return
				}
				require.Equal(t, []string{last.want("x", 5)}, copies(es))
			})
		}
	}
}

func TestStatelessLeavesUnversionedDocumentsAlone(t *testing.T) {
	es := fakees.New()
	es.Alias("alias", "concrete")
	s := newStateless(t, newBulk(t, es), sink.WithCleanMoves(), sink.WithIndexPattern("*"))
	for version := range uint32(2) {
		a := at{index: "alias"}.action("x", version+1)
		a.VersionType = goatee.VersionInternal
		write(t, s, a)
		require.Equal(t, []string{at{index: "concrete"}.want("x", version+1)}, copies(es))
	}
}

func TestCleanMovesNeedAPattern(t *testing.T) {
	b := newBulk(t, fakees.New())
	_, err := sink.NewStateless(b, b, sink.WithCleanMoves())
	require.ErrorContains(t, err, "sink.WithIndexPattern")
	_, err = sink.NewStateful(b, b, newMemoryMeta(), sink.WithCleanMoves())
	require.ErrorContains(t, err, "stateless")
}
