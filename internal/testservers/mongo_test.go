package testservers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestSharedMongoDBHasChangeStreams(t *testing.T) {
	m := testservers.MongoDB(t)
	coll := m.Client(t).Database(m.UniqueDB(t)).Collection("c")
	stream, err := coll.Watch(t.Context(), mongo.Pipeline{})
	require.NoError(t, err)
	defer stream.Close(t.Context())
	_, err = coll.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, err)
	require.True(t, stream.Next(t.Context()))
}

func TestSharedMongoDBIsOne(t *testing.T) {
	require.Equal(t, testservers.MongoDB(t).URI(), testservers.MongoDB(t).URI())
}

func TestSharedMongoDBCannotBeKilled(t *testing.T) {
	require.ErrorIs(t, testservers.MongoDB(t).Kill(), testservers.ErrShared)
}

func TestUniqueDBIsDropped(t *testing.T) {
	m := testservers.MongoDB(t)
	var name string
	t.Run("uses a database", func(t *testing.T) {
		name = m.UniqueDB(t)
		_, err := m.Client(t).Database(name).Collection("c").InsertOne(t.Context(), bson.D{})
		require.NoError(t, err)
	})
	names, err := m.Client(t).ListDatabaseNames(t.Context(), bson.D{{Key: "name", Value: name}})
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestMongoDBKeepsDataOverRestarts(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Dedicated())
	coll := m.Client(t).Database("d").Collection("c", nil)
	restarts := []struct {
		name string
		end  func() error
	}{
		{"stop", m.Stop},
		{"kill", m.Kill},
	}
	for i, restart := range restarts {
		t.Run(restart.name, func(t *testing.T) {
			_, err := coll.InsertOne(t.Context(), bson.D{{Key: "_id", Value: i}})
			require.NoError(t, err)
			require.NoError(t, restart.end())
			require.NoError(t, m.Start(t.Context()))
			n, err := coll.CountDocuments(t.Context(), bson.D{})
			require.NoError(t, err)
			require.EqualValues(t, i+1, n)
		})
	}
}

func TestThreeMembersFailOver(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Members(3))
	db := m.Client(t).Database("d")
	require.NoError(t, db.Client().Ping(t.Context(), nil))
	primary, err := m.Primary(t.Context())
	require.NoError(t, err)
	require.NoError(t, primary.Kill())

	next, err := m.Primary(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, primary.Address(), next.Address())
	require.Eventually(t, func() bool {
		_, err := majority(db).InsertOne(t.Context(), bson.D{})
		return err == nil
	}, time.Minute, 50*time.Millisecond)

	require.NoError(t, m.Start(t.Context()), "the killed member comes back")
	require.NoError(t, next.Stop())
	n, err := majority(db).CountDocuments(t.Context(), bson.D{})
	require.NoError(t, err)
	require.NotZero(t, n)
}

func majority(db *mongo.Database) *mongo.Collection {
	client := db.Client()
	_ = client
	return db.Collection("c")
}

func TestStandaloneHasNoChangeStreams(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Standalone())
	_, err := m.Client(t).Watch(t.Context(), mongo.Pipeline{})
	require.ErrorContains(t, err, "replica set")
}

func TestAuthDemandsCredentials(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Auth("root", "s3cret@"))
	_, err := m.Client(t).ListDatabaseNames(t.Context(), bson.D{})
	require.NoError(t, err)
}

var _ = readconcern.Majority
var _ = writeconcern.Majority
