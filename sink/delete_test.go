package sink_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/sink/sinktest"
)

// placed returns an action with overrides.
func placed(a goatee.Action, index, routing, id string) goatee.Action {
	a.Index, a.Routing, a.ID = index, routing, id
	return a
}

func newStateless(t *testing.T, b *sink.Bulk, opts ...sink.DeleteOption) *sink.Stateless {
	t.Helper()
	s, err := sink.NewStateless(b, b, opts...)
	require.NoError(t, err)
	return s
}

func newStateful(t *testing.T, b *sink.Bulk, store sink.MetaStore, opts ...sink.DeleteOption) *sink.Stateful {
	t.Helper()
	s, err := sink.NewStateful(b, b, store, opts...)
	require.NoError(t, err)
	return s
}

func write(t *testing.T, s goatee.Sink, actions ...goatee.Action) {
	t.Helper()
	require.NoError(t, s.Write(t.Context(), actions))
}

func strategies(t *testing.T, b *sink.Bulk) map[string]goatee.Sink {
	return map[string]goatee.Sink{
		"stateless":              newStateless(t, b),
		"stateful":               newStateful(t, b, newMemoryMeta()),
		"stateless, clean moves": newStateless(t, b, sink.WithCleanMoves(), sink.WithIndexPattern("*")),
	}
}

func TestDeletesFindIndexAndRouting(t *testing.T) {
	for _, name := range []string{"stateless", "stateful"} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			s := strategies(t, newBulk(t, es))[name]
			write(t, s,
				placed(index("other index", 1, bson.M{}), "scores-1", "", ""),
				placed(index("routed", 1, bson.M{}), "", "r", ""),
				placed(index("both", 1, bson.M{}), "scores-2", "r", ""),
				index("plain", 1, bson.M{}),
				index("kept", 1, bson.M{}),
			)
			write(t, s, remove("other index", 2), remove("routed", 2), remove("both", 2), remove("plain", 2), remove("never", 2))
			require.Len(t, es.Docs("shop.orders"), 1)
			require.Empty(t, es.Docs("scores-1"))
			require.Empty(t, es.Docs("scores-2"))
			for _, i := range es.Bulks()[1].Items {
				require.Equal(t, i.ID == "routed" || i.ID == "both", i.Routing == "r", i.ID)
			}
		})
	}
}

func TestDeletesWithinTheBatchOfTheirInsert(t *testing.T) {
	for _, name := range []string{"stateless", "stateful"} {
		t.Run(name, func(t *testing.T) {
			es := fakees.New()
			s := strategies(t, newBulk(t, es))[name]
			write(t, s,
				placed(index("a", 1, bson.M{}), "scores-1", "r", ""), remove("a", 2),
				placed(index("b", 1, bson.M{}), "scores-1", "r", ""), remove("b", 2), placed(index("b", 3, bson.M{}), "scores-2", "q", ""),
				remove("b", 3), placed(index("b", 3, bson.M{}), "scores-2", "q", ""),
				remove("c", 1), placed(index("c", 2, bson.M{}), "scores-1", "r", ""),
			)
			require.Len(t, es.Docs("scores-1"), 1)
			require.Contains(t, es.Docs("scores-1"), "c")
			require.Len(t, es.Docs("scores-2"), 1)
			write(t, s, remove("b", 4), remove("c", 4))
			require.Empty(t, es.Docs("scores-1"))
			require.Empty(t, es.Docs("scores-2"))
		})
	}
}

func TestStatelessRefusesWhatIsInSeveralIndices(t *testing.T) {
	es := fakees.New()
	b := newBulk(t, es)
	s := newStateless(t, b)
	write(t, s, placed(index("x", 1, bson.M{}), "a", "", ""), placed(index("x", 1, bson.M{}), "b", "r", ""), index("y", 1, bson.M{}))
	actions := []goatee.Action{remove("y", 2), remove("x", 2), index("z", 2, bson.M{})}
	var batch *goatee.BatchError
	require.ErrorAs(t, s.Write(t.Context(), actions), &batch)
	require.Len(t, batch.Failed, 1)
	require.Equal(t, 1, batch.Failed[0].Ordinal)
	require.ErrorContains(t, batch.Failed[0], "found in 2 places: a, b (routing r); restrict the pattern")
	require.Len(t, es.Docs("shop.orders"), 1)

	write(t, newStateless(t, b, sink.WithIndexPattern("b*")), remove("x", 3))
	require.Len(t, es.Docs("a"), 1)
	require.Empty(t, es.Docs("b"))
}

func TestStatelessPrefersTheIndexOfAMapping(t *testing.T) {
	es := fakees.New()
	s := newStateless(t, newBulk(t, es))
	write(t, s, placed(index("x", 1, bson.M{}), "a", "r", ""), placed(index("x", 1, bson.M{}), "b", "q", ""))
	write(t, s, placed(remove("x", 2), "b", "", ""))
	require.Len(t, es.Docs("a"), 1)
	require.Empty(t, es.Docs("b"))
}

func TestStatelessLooksUpOnlyItsNamespaces(t *testing.T) {
	es := fakees.New()
	s := newStateless(t, newBulk(t, es), sink.WithRoutedNamespaces("shop.carts"))
	write(t, s, index("x", 1, bson.M{}), remove("x", 2), placed(remove("y", 2), "", "r", ""))
	require.Len(t, es.Requests(), 1)
	_, err := sink.NewStateless(newBulk(t, es), s, sink.WithRoutedNamespaces("shop"))
	require.ErrorContains(t, err, "sink.WithRoutedNamespaces")
}

func TestStatelessSearchesForManyAtOnce(t *testing.T) {
	es := fakees.New()
	s := newStateless(t, newBulk(t, es))
	var inserts, deletes []goatee.Action
	for i := range 2500 {
		inserts = append(inserts, placed(index(i, 1, bson.M{}), "a", "r", ""))
		deletes = append(deletes, remove(i, 2))
	}
	for i := range 300 { // more hits than a search returns
		inserts = append(inserts, placed(index(i, 1, bson.M{}), "b", "r", ""))
	}
	write(t, s, inserts...)
	before := len(es.Requests())
	var batch *goatee.BatchError
	require.ErrorAs(t, s.Write(t.Context(), deletes), &batch)
	require.Len(t, batch.Failed, 300)
	require.Len(t, es.Docs("a"), 300)
	searches := len(es.Requests()) - before - 2
	require.LessOrEqual(t, searches, 20)
}

func TestStatelessRetriesItsSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		s := newStateless(t, newBulk(t, es))
		write(t, s, placed(index("x", 1, bson.M{}), "a", "r", ""))
		es.FailNext(fakees.Fault{Status: 503}, fakees.Fault{}, fakees.Fault{Cut: true}, fakees.Fault{Status: 429})
		write(t, s, remove("x", 2))
		require.Empty(t, es.Docs("a"))
	})
}

func TestStatefulDeletesUnderAnotherID(t *testing.T) {
	es := fakees.New()
	store := newMemoryMeta()
	s := newStateful(t, newBulk(t, es), store)
	insert, deletion := placed(index("x", 1, bson.M{}), "a", "r", "other"), remove("x", 2)
	write(t, s, insert)
	write(t, s, deletion)
	require.Empty(t, es.Docs("a"))
	require.Empty(t, store.metas, "what is deleted is forgotten")
	write(t, s, insert, deletion)
	require.Empty(t, es.Docs("a"), "a replay changes nothing")
	require.Empty(t, store.metas)
}

func TestStatefulFindsTheOldPlaceWhenABatchIsReplayed(t *testing.T) {
	es := fakees.New()
	store := newMemoryMeta()
	s := newStateful(t, newBulk(t, es), store)
	write(t, s, placed(index("x", 1, bson.M{}), "a", "r", ""))
	batch := []goatee.Action{remove("x", 2), placed(index("x", 3, bson.M{}), "b", "r", "")}

	ctx, cancel := context.WithCancel(t.Context())
	es.OnItem(func(fakees.Item) *fakees.ItemError { cancel(); return &fakees.ItemError{Status: 429} })
	require.ErrorIs(t, s.Write(ctx, batch), context.Canceled, "the process ends before anything is written")
	es.OnItem(nil)
	write(t, s, batch...)
	require.Empty(t, es.Docs("a"))
	require.Len(t, es.Docs("b"), 1)
	write(t, s, remove("x", 4))
	require.Empty(t, es.Docs("b"))
}

func TestStatefulForgetsWhatIsDropped(t *testing.T) {
	store := newMemoryMeta()
	s := newStateful(t, newBulk(t, fakees.New()), store)
	write(t, s, placed(index("x", 1, bson.M{}), "a", "", ""))
	require.Len(t, store.metas, 1)
	write(t, s, drop(goatee.OpDrop, "shop.Orders"))
	require.Empty(t, store.metas)
}

func TestStatefulRemembersWhatHasTheNewNameOfARename(t *testing.T) {
	store := newMemoryMeta()
	s := newStateful(t, newBulk(t, fakees.New()), store)
	write(t, s, placed(index("x", 1, bson.M{}), "a", "", ""))
	write(t, s, drop(goatee.OpRename, "shop.Old", renamed("shop.Orders")))
	require.Len(t, store.metas, 1)
}

func TestStatefulKeepsThePlaceOfARefusedDelete(t *testing.T) {
	es := fakees.New()
	store := newMemoryMeta()
	s := newStateful(t, newBulk(t, es), store)
	write(t, s, placed(index("x", 1, bson.M{}), "a", "r", ""))
	es.OnItem(func(fakees.Item) *fakees.ItemError { return &fakees.ItemError{Status: 400, Type: "some_exception"} })
	var batch *goatee.BatchError
	require.ErrorAs(t, s.Write(t.Context(), []goatee.Action{remove("x", 2)}), &batch)
	require.Len(t, store.metas, 1)
}

func TestStatefulWaitsForItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		store := newMemoryMeta()
		var seen []error
		s := newStateful(t, newBulk(t, es), store)
		s.Instrument(slog.New(slog.DiscardHandler), goatee.Observer{
			State: func(i goatee.StateInfo) { seen = append(seen, i.Err) },
		})
		store.failures = 3
		write(t, s, placed(index("x", 1, bson.M{}), "a", "r", ""))
		store.failures = 3
		write(t, s, remove("x", 2))
		require.Empty(t, es.Docs("a"))
		require.Len(t, seen, 4, "down and up, twice: %v", seen)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		store.failures = 1
		require.ErrorIs(t, s.Write(ctx, []goatee.Action{remove("x", 2)}), context.Canceled)
		store.failures = 1
		var config *goatee.ConfigError
		require.ErrorAs(t, s.Check(t.Context()), &config)
	})
}

// memoryMeta is a MetaStore in memory that fails at will.
type memoryMeta struct {
	mu       sync.Mutex
	metas    map[sink.MetaKey]sink.Meta
	failures int
	puts     int
}

func newMemoryMeta() *memoryMeta { return &memoryMeta{metas: map[sink.MetaKey]sink.Meta{}} }

func (m *memoryMeta) lock() error {
	m.mu.Lock()
	if m.failures == 0 {
		return nil
	}
	m.failures--
	m.mu.Unlock()
	return errors.New("no primary")
}

func (m *memoryMeta) Get(_ context.Context, keys []sink.MetaKey) (map[sink.MetaKey]sink.Meta, error) {
	if err := m.lock(); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	found := map[sink.MetaKey]sink.Meta{}
	for _, k := range keys {
		if meta, ok := m.metas[k]; ok {
			found[k] = meta
		}
	}
	return found, nil
}

func (m *memoryMeta) Put(_ context.Context, metas map[sink.MetaKey]sink.Meta) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	m.puts++
	maps.Copy(m.metas, metas)
	return nil
}

func (m *memoryMeta) Remove(_ context.Context, keys []sink.MetaKey) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for _, k := range keys {
		delete(m.metas, k)
	}
	return nil
}

func (m *memoryMeta) RemoveNamespace(_ context.Context, ns goatee.Namespace) error {
	if err := m.lock(); err != nil {
		return err
	}
	defer m.mu.Unlock()
	maps.DeleteFunc(m.metas, func(k sink.MetaKey, _ sink.Meta) bool {
		return k.Namespace == ns || ns.Collection == "" && k.Namespace.Database == ns.Database
	})
	return nil
}

func TestStrategiesPassTheSuite(t *testing.T) {
	for _, name := range []string{"stateless", "stateful", "stateless, clean moves"} {
		t.Run(name, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) (goatee.Sink, sinktest.Reader, sinktest.Features) {
				es := fakees.New()
				return strategies(t, newBulk(t, es))[name], fakeReader{es}, fakeFeatures(es)
			})
		})
	}
}

func TestStrategiesOnRealServers(t *testing.T) {
	server := testservers.MongoDB(t)
	db := server.Client(t).Database(server.UniqueDB(t))
	meta, err := sink.NewMongoMeta(db.Collection("meta"))
	require.NoError(t, err)
	for name, strategy := range map[string]func(*elastic, *sink.Bulk) goatee.Sink{
		"stateless": func(es *elastic, b *sink.Bulk) goatee.Sink {
			return newStateless(t, b, sink.WithIndexPattern(es.prefix+"*"))
		},
		"stateful": func(_ *elastic, b *sink.Bulk) goatee.Sink { return newStateful(t, b, meta) },
	} {
		t.Run(name, func(t *testing.T) {
			es := newElastic(t)
			for _, name := range []string{"-a", "-b"} {
				es.must(http.MethodPut, "/"+es.prefix+name, `{"settings":{"number_of_shards":5,"number_of_replicas":0}}`)
			}
			s := strategy(es, newBulk(t, es))
			check, ok := goatee.As[goatee.Checker](s)
			require.True(t, ok)
			require.NoError(t, check.Check(t.Context()))
			var inserts, deletes []goatee.Action
			for i := range 1500 {
				inserts = append(inserts, placed(index(fmt.Sprint(`odd " id `, i), 1, bson.M{"n": i}), es.prefix+"-"+"ab"[i%2:i%2+1], fmt.Sprint("r", i%13), ""))
				if i != 777 {
					deletes = append(deletes, remove(fmt.Sprint(`odd " id `, i), 2))
				}
			}
			write(t, s, inserts...)
			write(t, s, deletes...)
			write(t, s, placed(index("again", 1, bson.M{"n": 1}), es.prefix+"-a", "r7", ""), remove("again", 2))
			es.must(http.MethodPost, "/"+es.prefix+"*/_refresh", "")
			require.Contains(t, string(es.must(http.MethodGet, "/"+es.prefix+"*/_count", "")), `"count":1,`)
		})
	}
}

func TestMongoMetaHasMonstachesShape(t *testing.T) {
	server := testservers.MongoDB(t)
	collection := server.Client(t).Database(server.UniqueDB(t)).Collection("meta")
	store, err := sink.NewMongoMeta(collection)
	require.NoError(t, err)
	ctx := t.Context()
	key := sink.MetaKey{Namespace: shop, ID: "5"}
	other := sink.MetaKey{Namespace: goatee.Namespace{Database: "shop", Collection: "carts"}, ID: "5"}
	meta := sink.Meta{Places: []sink.Place{{Index: "i", Routing: "r", ID: "x"}}}
	require.NoError(t, store.Put(ctx, map[sink.MetaKey]sink.Meta{key: {Places: []sink.Place{{Index: "old"}}}, other: meta}))
	require.NoError(t, store.Put(ctx, map[sink.MetaKey]sink.Meta{key: meta}))
	var doc bson.M
	require.NoError(t, collection.FindOne(ctx, bson.M{"_id": "shop.Orders.5"}).Decode(&doc))
	require.Equal(t, bson.M{
		"_id": "shop.Orders.5", "id": "x", "routing": "r", "index": "i", "type": "", "parent": "", "pipeline": "",
		"db": "shop", "namespace": "shop.Orders",
	}, doc)

	get := func(want ...sink.MetaKey) {
		t.Helper()
		found, err := store.Get(ctx, []sink.MetaKey{key, other, {Namespace: shop, ID: "never"}})
		require.NoError(t, err)
		require.Len(t, found, len(want))
		for _, k := range want {
			require.Equal(t, meta, found[k])
		}
	}
	get(key, other)
	require.NoError(t, store.RemoveNamespace(ctx, shop))
	get(other)
	meta = sink.Meta{Version: 7, Places: []sink.Place{{Index: "i"}, {}, {Routing: "r", ID: "x"}}}
	require.NoError(t, store.Put(ctx, map[sink.MetaKey]sink.Meta{key: meta}))
	require.NoError(t, store.Remove(ctx, []sink.MetaKey{other}))
	get(key)
	require.NoError(t, store.RemoveNamespace(ctx, goatee.Namespace{Database: "shop"}))
	get()
}
