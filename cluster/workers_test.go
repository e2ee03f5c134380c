package cluster_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
)

// What Monstache answers for these names, whatever their order.
func TestRingAgreesWithMonstache(t *testing.T) {
	for _, names := range [][]string{{"Tom", "Dick", "Harry"}, {"Harry", "Tom", "Dick"}} {
		ring, err := cluster.NewRing(names)
		require.NoError(t, err)
		for id, owner := range map[string]string{
			"5f5f5f5f5f5f5f5f5f5f5f5f": "Dick", "1": "Tom", "2": "Tom", "abc": "Dick", "map[a:1 b:2]": "Harry",
		} {
			require.Equal(t, owner, ring.Owner(id), id)
		}
	}
}

func TestRingSharesAreThoseOfMonstache(t *testing.T) {
	for _, test := range []struct {
		names  []string
		shares []float64 // per cent, measured with Monstache
	}{
		{[]string{"worker1", "worker2"}, []float64{1.3, 98.7}},
		{[]string{"w1", "w2", "w3", "w4"}, []float64{0, 6.8, 57.6, 35.7}},
		{[]string{"Tom", "Dick", "Harry"}, []float64{30, 16, 53}},
	} {
		ring, err := cluster.NewRing(test.names)
		require.NoError(t, err)
		counts := map[string]int{}
		for i := range 100_000 {
			counts[ring.Owner(fmt.Sprint(i))]++
		}
		for i, name := range test.names {
			require.InDelta(t, test.shares[i], float64(counts[name])/1000, 1, name)
		}
	}
}

func TestEvenSharesAreEvenAndStay(t *testing.T) {
	three, err := cluster.NewEven([]string{"w1", "w2", "w3"})
	require.NoError(t, err)
	four, err := cluster.NewEven([]string{"w4", "w3", "w2", "w1"})
	require.NoError(t, err)
	counts := map[string]int{}
	for i := range 100_000 {
		id := fmt.Sprintf("5f5f5f5f5f5f5f5f%08x", i)
		counts[four.Owner(id)]++
		if four.Owner(id) != "w4" {
			require.Equal(t, three.Owner(id), four.Owner(id), "only what the new worker gains moves")
		}
	}
	for name, n := range counts {
		require.InDelta(t, 25_000, n, 1000, name)
	}
}

// Workers of different releases must agree: these owners never change.
func TestEvenOwnersAreFixed(t *testing.T) {
	even, err := cluster.NewEven([]string{"w1", "w2", "w3"})
	require.NoError(t, err)
	for id, owner := range map[string]string{
		"5f5f5f5f5f5f5f5f5f5f5f5f": "w1", "1": "w1", "2": "w2", "abc": "w2", "": "w2",
	} {
		require.Equal(t, owner, even.Owner(id), id)
	}
}

func change(t *testing.T, id any) goatee.Change {
	t.Helper()
	c := goatee.Change{Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "shop", Collection: "orders"}}
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
	require.NoError(t, err)
	c.ID = bson.Raw(raw).Lookup("_id")
	return c
}

func TestEveryChangeHasExactlyOneOwner(t *testing.T) {
	oid := primitive.NewObjectID()
	drop := goatee.Change{Op: goatee.OpDrop, Namespace: goatee.Namespace{Database: "shop", Collection: "orders"}}
	changes := []goatee.Change{drop, {Op: goatee.OpDropDatabase, Namespace: goatee.Namespace{Database: "shop"}}}
	for _, id := range []any{oid, "a", int32(1), int64(2), 2.5, 1e21, true, nil, bson.D{{Key: "a", Value: 1}},
		primitive.Binary{Subtype: 4, Data: make([]byte, 16)}, primitive.DateTime(5), primitive.MinKey{}} {
		changes = append(changes, change(t, id))
	}
	names := []string{"Tom", "Dick", "Harry"}
	for kind, make := range map[string]func([]string) (*cluster.Workers, error){"ring": cluster.NewRing, "even": cluster.NewEven} {
		workers, err := make(names)
		require.NoError(t, err)
		for i := range changes {
			owners := 0
			for _, name := range names {
				owns, err := workers.Share(name)
				require.NoError(t, err)
				if owns(&changes[i]) {
					owners++
				}
			}
			require.Equal(t, 1, owners, "%s: %s %v", kind, changes[i].Op, changes[i].ID)
		}
	}
}

func TestRingHashesIdsAsMonstacheDoes(t *testing.T) {
	ring, err := cluster.NewRing([]string{"Tom", "Dick", "Harry"})
	require.NoError(t, err)
	for text, id := range map[string]any{
		"5f5f5f5f5f5f5f5f5f5f5f5f": primitive.ObjectID{0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x5f},
		"abc":                      "abc",
		"1":                        int32(1),
		"map[a:1 b:2]":             bson.D{{Key: "b", Value: int32(2)}, {Key: "a", Value: int32(1)}},
		"{4 [1 2]}":                primitive.Binary{Subtype: 4, Data: []byte{1, 2}},
		"3e+06":                    3e6,
	} {
		owns, err := ring.Share(ring.Owner(text))
		require.NoError(t, err)
		c := change(t, id)
		require.True(t, owns(&c), text)
	}
}

func TestOwningAllocatesNothing(t *testing.T) {
	even, err := cluster.NewEven([]string{"w1", "w2"})
	require.NoError(t, err)
	owns, err := even.Share("w1")
	require.NoError(t, err)
	c := change(t, primitive.NewObjectID())
	require.Zero(t, testing.AllocsPerRun(100, func() { owns(&c) }))
}

func TestWorkersSayWhatIsWrong(t *testing.T) {
	for want, names := range map[string][]string{
		"no workers": nil, "a worker without a name": {"a", ""}, "two workers of the same name": {"a", "b", "a"},
	} {
		_, err := cluster.NewEven(names)
		require.ErrorContains(t, err, "cluster.NewEven names: "+want)
		_, err = cluster.NewRing(names)
		require.ErrorContains(t, err, "cluster.NewRing names: "+want)
	}
	even, err := cluster.NewEven([]string{"a", "b"})
	require.NoError(t, err)
	_, err = even.Share("c")
	require.ErrorContains(t, err, `"c" is not one of the workers ["a" "b"]`)
}
