package resume_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/resume"
	"github.com/goatee-sync/goatee/resume/resumetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	_ goatee.PositionStore = (*resume.Memory)(nil)
	_ goatee.PositionStore = (*resume.File)(nil)
	_ goatee.PositionStore = (*resume.Mongo)(nil)
	_ goatee.Checker       = (*resume.File)(nil)
	_ goatee.Checker       = (*resume.Mongo)(nil)
)

func TestMemoryConforms(t *testing.T) {
	resumetest.Run(t, func(*testing.T) func() goatee.PositionStore {
		s := resume.NewMemory()
		return func() goatee.PositionStore { return s }
	})
}

func TestFileConforms(t *testing.T) {
	resumetest.Run(t, func(t *testing.T) func() goatee.PositionStore {
		path := filepath.Join(t.TempDir(), "positions.json")
		return func() goatee.PositionStore { return resume.NewFile(path) }
	})
}

func TestMongoConforms(t *testing.T) {
	server := testservers.MongoDB(t)
	client := server.Client(t)
	resumetest.Run(t, func(t *testing.T) func() goatee.PositionStore {
		db := client.Database(server.UniqueDB(t))
		return func() goatee.PositionStore {
			s, err := resume.NewMongo(db, "default")
			require.NoError(t, err)
			return s
		}
	})
}

// The sources of these tests, named as package source names them.
var (
	orders     = stream("shop", "orders")
	customers  = stream("shop", "customers")
	deployment = stream("", "")
	readOrders = read("shop", "orders")
	readViews  = read("shop", "views")
	custom     = goatee.SourceID{Name: "custom"}
)

func stream(db, coll string) goatee.SourceID {
	ns := goatee.Namespace{Database: db, Collection: coll}
	return goatee.SourceID{Name: "change-stream:" + ns.String(), Kind: goatee.KindChangeStream, Namespace: ns}
}

func read(db, coll string) goatee.SourceID {
	ns := goatee.Namespace{Database: db, Collection: coll}
	return goatee.SourceID{Name: "direct-read:" + ns.String(), Kind: goatee.KindDirectRead, Namespace: ns}
}

func token(t *testing.T, data string) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(bson.D{{Key: "_data", Value: data}})
	require.NoError(t, err)
	return raw
}

func at(t, i uint32) primitive.Timestamp { return primitive.Timestamp{T: t, I: i} }

func save(t *testing.T, s goatee.PositionStore, fence goatee.Fence, source goatee.SourceID, p goatee.Position) {
	t.Helper()
	require.NoError(t, s.Save(context.Background(), fence, []goatee.SourcePosition{{SourceID: source, Position: p}}))
}

func load(t *testing.T, s goatee.PositionStore, source goatee.SourceID) goatee.Position {
	t.Helper()
	p, err := s.Load(context.Background(), source)
	require.NoError(t, err)
	return p
}
