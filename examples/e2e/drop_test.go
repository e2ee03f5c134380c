package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// dropStack is a stack with a second database, whose name begins with the first one's.
type dropStack struct {
	*stack
	second *stack
}

// newDropStack follows the whole deployment; the regular expression keeps what other tests left behind out.
func newDropStack(t *testing.T) (*dropStack, *daemon) {
	t.Helper()
	s := newStack(t)
	second := *s
	second.db = s.client.Database(s.db.Name() + "2")
	t.Cleanup(func() { dropAll(t, second.db) })
	d := startDaemon(t, s.settings().with(settings{
		"change-stream-namespaces": []string{""},
		"namespace-regex":          "^" + s.db.Name(),
	}))
	s.awaitFollowing(t, "orders")
	return &dropStack{stack: s, second: &second}, d
}

func (s *dropStack) fill(t *testing.T, db *stack, collections ...string) {
	t.Helper()
	for _, name := range collections {
		db.insertMany(t, name, 0, 100, func(i int) bson.D {
			return bson.D{{Key: "n", Value: int32(i)}, {Key: "written", Value: time.Now().UTC()}}
		})
	}
}

// awaitIndices waits until exactly these indices are there, whatever the database.
func (s *dropStack) awaitIndices(t *testing.T, want ...string) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.Equal(c, want, s.es.indices(t, s.db.Name()))
	}, patience, tick)
}

// A drop deletes the indices that belong to it, and no other whose name looks alike.
func TestDropsDeleteExactlyTheirIndices(t *testing.T) {
	s, d := newDropStack(t)
	s.fill(t, s.stack, "orders", "orders.archive", "orders2", "items")
	s.fill(t, s.second, "orders")
	s.requireAgreement(t, "orders", "orders.archive", "orders2", "items")
	s.second.requireAgreement(t, "orders")

	require.NoError(t, s.db.Collection("orders").Drop(t.Context()))
	s.awaitIndices(t, s.index("items"), s.index("orders.archive"), s.index("orders2"), s.second.index("orders"))

	require.NoError(t, s.db.Drop(t.Context()))
	s.awaitIndices(t, s.second.index("orders"))

	// The same names and ids again.
	s.fill(t, s.stack, "orders", "items")
	s.requireAgreement(t, "orders", "items")
	s.second.requireAgreement(t, "orders")
	require.Zero(t, d.terminate(t))
}

// A renamed collection leaves its old index and comes back under its new name, documents and all.
func TestRename(t *testing.T) {
	s, d := newDropStack(t)
	s.fill(t, s.stack, "orders")
	s.requireAgreement(t, "orders")
	renameCollection(t, s.client, s.db.Name()+".orders", s.db.Name()+".renamed")
	_, err := s.db.Collection("renamed").InsertOne(t.Context(), withID("after", bson.D{{Key: "n", Value: int32(-1)}}))
	require.NoError(t, err)
	s.awaitIndices(t, s.index("renamed"))
	s.requireAgreement(t, "renamed")
	require.Zero(t, d.terminate(t))
}

func renameCollection(t *testing.T, client *mongo.Client, from, to string) {
	t.Helper()
	err := client.Database("admin").RunCommand(t.Context(), bson.D{{Key: "renameCollection", Value: from}, {Key: "to", Value: to}}).Err()
	require.NoError(t, err)
}

// Collections and databases are dropped and created again while they are written to.
func TestDropsUnderLoad(t *testing.T) {
	for name, namespaces := range map[string]func(*stack) []string{
		"deployment": func(*stack) []string { return []string{""} },
		"database":   func(s *stack) []string { return []string{s.db.Name()} },
		"collection": func(s *stack) []string { return s.namespaces(faultLoad.collections...) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStack(t)
			o := faultLoad
			o.tolerant = true // a dropped collection ends transactions
			d := startDaemon(t, s.settings().with(settings{
				"change-stream-namespaces": namespaces(s), "namespace-regex": "^" + s.db.Name(),
			}))
			s.awaitFollowing(t, o.collections...)
			l := s.startLoad(t, o)
			for range 3 {
				l.more(t, 100)
				require.NoError(t, s.db.Collection("orders").Drop(t.Context()))
			}
			l.more(t, 100)
			require.NoError(t, s.db.Drop(t.Context()))
			l.more(t, 100)
			d.requireRunning(t)
			l.stop(t)
			s.requireAgreement(t, o.collections...)
			require.Zero(t, d.terminate(t))
		})
	}
}
