package resume_test

import (
	"context"
	"path/filepath"
	"strings"
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

var (
	orders     = stream("shop.orders")
	customers  = stream("shop.customers")
	deployment = goatee.SourceID{Name: "change-stream:", Kind: goatee.KindChangeStream}
)

func stream(ns string) goatee.SourceID {
	return goatee.SourceID{Name: "change-stream:" + ns, Kind: goatee.KindChangeStream, Namespace: namespace(ns)}
}

func read(ns string) goatee.SourceID {
	return goatee.SourceID{Name: "direct-read:" + ns, Kind: goatee.KindDirectRead, Namespace: namespace(ns)}
}

func namespace(s string) goatee.Namespace {
	db, coll, _ := strings.Cut(s, ".")
	return goatee.Namespace{Database: db, Collection: coll}
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
