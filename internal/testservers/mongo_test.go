package testservers_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestSharedMongoDBHasChangeStreams(t *testing.T) {
	m := testservers.MongoDB(t)
	coll := m.Client(t).Database(m.UniqueDB(t)).Collection("c")
	stream, err := coll.Watch(t.Context(), mongo.Pipeline{})
	require.NoError(t, err)
	defer stream.Close(context.Background())
	_, err = coll.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, err)
	require.True(t, stream.Next(t.Context()))
}

func TestSharedMongoDBIsTheSameForAllTests(t *testing.T) {
	require.Equal(t, testservers.MongoDB(t).URI(), testservers.MongoDB(t).URI())
}

func TestSharedMongoDBIsNobodysToEnd(t *testing.T) {
	m := testservers.MongoDB(t)
	require.ErrorIs(t, m.Kill(), testservers.ErrShared)
	require.ErrorIs(t, m.Stop(), testservers.ErrShared)
	require.NoError(t, m.Close())
	require.NoError(t, m.Client(t).Ping(t.Context(), nil), "closing a shared server leaves it running")
}

func TestUniqueDBIsDroppedAfterTheTest(t *testing.T) {
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
	coll := m.Client(t).Database("d").Collection("c")
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
	durable := options.Collection().SetWriteConcern(writeconcern.Majority())
	coll := m.Client(t).Database("d").Collection("c", durable)
	first, err := m.Primary(t.Context())
	require.NoError(t, err)
	require.NoError(t, first.Kill())

	second, err := m.Primary(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, first.Address(), second.Address())
	require.Eventually(t, func() bool {
		_, err := coll.InsertOne(t.Context(), bson.D{})
		return err == nil
	}, time.Minute, 50*time.Millisecond)

	require.NoError(t, m.Start(t.Context()), "the killed member comes back")
	require.NoError(t, second.Stop())
	require.Eventually(t, func() bool {
		n, err := coll.CountDocuments(t.Context(), bson.D{})
		return err == nil && n > 0
	}, time.Minute, 50*time.Millisecond)
}

func TestStandaloneHasNoChangeStreams(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Standalone())
	_, err := m.Client(t).Watch(t.Context(), mongo.Pipeline{})
	require.ErrorContains(t, err, "replica set")
}

func TestAuthDemandsCredentials(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Auth("goatee", "s3cret@/"))
	_, err := m.Client(t).ListDatabaseNames(t.Context(), bson.D{})
	require.NoError(t, err)

	without := options.Client().ApplyURI("mongodb://" + m.Members()[0].Address() + "/?directConnection=true")
	client, err := mongo.Connect(t.Context(), without)
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Disconnect(context.Background())) }()
	_, err = client.ListDatabaseNames(t.Context(), bson.D{})
	require.ErrorContains(t, err, "requires authentication")
}

func TestArgsReachMongod(t *testing.T) {
	m := testservers.MongoDB(t, testservers.Args("--setParameter", "enableTestCommands=1"))
	err := m.Client(t).Database("admin").RunCommand(t.Context(), bson.D{
		{Key: "configureFailPoint", Value: "failCommand"},
		{Key: "mode", Value: "off"},
	}).Err()
	require.NoError(t, err)
}

func TestMongoDBThatCannotStartSaysWhy(t *testing.T) {
	_, err := testservers.StartMongo(t.Context(), testservers.Args("--nonsense"))
	require.ErrorContains(t, err, "unrecognised option")
}

func TestMongoOptionsAreChecked(t *testing.T) {
	tests := []struct {
		option string
		opts   []testservers.MongoOption
	}{
		{"Members", []testservers.MongoOption{testservers.Members(0)}},
		{"Members", []testservers.MongoOption{testservers.Members(8)}},
		{"OplogMB", []testservers.MongoOption{testservers.OplogMB(0)}},
		{"Auth", []testservers.MongoOption{testservers.Auth("u", "")}},
		{"Standalone", []testservers.MongoOption{testservers.Standalone(), testservers.Members(3)}},
		{"Standalone", []testservers.MongoOption{testservers.Auth("u", "p"), testservers.Standalone()}},
	}
	for _, test := range tests {
		t.Run(test.option, func(t *testing.T) {
			_, err := testservers.StartMongo(t.Context(), test.opts...)
			require.ErrorContains(t, err, test.option)
		})
	}
}
