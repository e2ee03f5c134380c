package resume_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/resume"
)

func database(t *testing.T) *mongo.Database {
	t.Helper()
	server := testservers.MongoDB(t)
	return server.Client(t).Database(server.UniqueDB(t))
}

func newMongo(t *testing.T, db *mongo.Database, opts ...resume.MongoOption) *resume.Mongo {
	t.Helper()
	s, err := resume.NewMongo(db, "default", opts...)
	require.NoError(t, err)
	return s
}

// insert stores a document given as extended JSON.
func insert(t *testing.T, db *mongo.Database, coll, document string) {
	t.Helper()
	var doc bson.D
	require.NoError(t, bson.UnmarshalExtJSON([]byte(document), false, &doc))
	_, err := db.Collection(coll).InsertOne(context.Background(), doc)
	require.NoError(t, err)
}

func documents(t *testing.T, db *mongo.Database, coll string) []bson.M {
	t.Helper()
	cursor, err := db.Collection(coll).Find(context.Background(), bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	require.NoError(t, err)
	var docs []bson.M
	require.NoError(t, cursor.All(context.Background(), &docs))
	return docs
}

// times returns the documents in monstache without what every Save adds to them.
func times(t *testing.T, db *mongo.Database) []bson.M {
	t.Helper()
	docs := documents(t, db, "monstache")
	for _, doc := range docs {
		delete(doc, "run")
		delete(doc, "savedAt")
	}
	return docs
}

const monstacheTime = `{"_id": "default", "ts": {"$timestamp": {"t": 1700000000, "i": 5}}}`

const monstacheToken = `{
	"_id": {"$oid": "65a000000000000000000001"},
	"resumeName": "default", "streamID": "shop.orders",
	"token": {"_data": "8265A0000000000001"}
}`

func TestMongoReadsMonstachesDocuments(t *testing.T) {
	db := database(t)
	insert(t, db, "monstache", monstacheTime)
	insert(t, db, "tokens", monstacheToken)
	insert(t, db, "tokens", `{"_id": {"$oid": "65a000000000000000000002"}, "resumeName": "default", "streamID": "",
		"token": {"_data": "8265A0000000000002"}}`)
	insert(t, db, "tokens", `{"_id": {"$oid": "65a000000000000000000003"}, "resumeName": "another", "streamID": "shop.orders",
		"token": {"_data": "8265A0000000000003"}}`)
	insert(t, db, "directreads", `{"_id": "default", "ns": ["shop.orders", "shop.views"],
		"created": {"$date": "2024-01-01T00:00:00Z"}, "updated": {"$date": "2024-01-02T00:00:00Z"}}`)

	s := newMongo(t, db)
	require.Equal(t, goatee.Position{Token: token(t, "8265A0000000000001")}, load(t, s, orders))
	require.Equal(t, goatee.Position{Token: token(t, "8265A0000000000002")}, load(t, s, deployment))
	require.Equal(t, goatee.Position{Complete: true}, load(t, s, read("shop.views")))
	require.True(t, load(t, s, read("shop.view")).IsZero())

	byTime := newMongo(t, db, resume.WithStrategy(resume.Timestamp))
	require.Equal(t, goatee.Position{ClusterTime: at(1700000000, 5)}, load(t, byTime, orders))
	require.Equal(t, goatee.Position{ClusterTime: at(1700000000, 5)}, load(t, byTime, customers))
}

func TestMongoFallsBackToTheOtherKind(t *testing.T) {
	t.Run("token strategy without token", func(t *testing.T) {
		db := database(t)
		insert(t, db, "monstache", monstacheTime)
		require.Equal(t, goatee.Position{ClusterTime: at(1700000000, 5)}, load(t, newMongo(t, db), orders))
	})
	t.Run("timestamp strategy without time", func(t *testing.T) {
		db := database(t)
		insert(t, db, "tokens", monstacheToken)
		s := newMongo(t, db, resume.WithStrategy(resume.Timestamp))
		require.Equal(t, goatee.Position{Token: token(t, "8265A0000000000001")}, load(t, s, orders))
	})
}

func TestMongoContinuesMonstachesDocuments(t *testing.T) {
	db := database(t)
	insert(t, db, "monstache", monstacheTime)
	insert(t, db, "tokens", monstacheToken)
	insert(t, db, "directreads", `{"_id": "default", "ns": ["shop.orders"],
		"created": {"$date": "2024-01-01T00:00:00Z"}, "updated": {"$date": "2024-01-02T00:00:00Z"}}`)

	s := newMongo(t, db) // without a Load before: the documents must be found all the same
	save(t, s, 7, orders, goatee.Position{Token: token(t, "8265A1"), ClusterTime: at(1700000100, 1)})
	save(t, s, 7, read("shop.views"), goatee.Position{Complete: true})

	id, err := primitive.ObjectIDFromHex("65a000000000000000000001")
	require.NoError(t, err)
	require.Equal(t, []bson.M{{
		"_id": id, "resumeName": "default", "streamID": "shop.orders", "token": bson.M{"_data": "8265A1"},
		"clusterTime": at(1700000100, 1), "fence": int64(7),
	}}, documents(t, db, "tokens"))
	require.Equal(t, []bson.M{{"_id": "default", "ts": at(1700000100, 1), "fence": int64(7)}}, times(t, db))

	reads := documents(t, db, "directreads")
	require.Len(t, reads, 1)
	require.Equal(t, bson.A{"shop.orders", "shop.views"}, reads[0]["ns"])
	require.Equal(t, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), reads[0]["created"].(primitive.DateTime).Time().UTC())
	require.Greater(t, reads[0]["updated"].(primitive.DateTime).Time().Year(), 2024)
}

func TestMongoWritesMonstachesShapes(t *testing.T) {
	db := database(t)
	s := newMongo(t, db)
	require.NoError(t, s.Save(context.Background(), 0, []goatee.SourcePosition{
		{SourceID: deployment, Position: goatee.Position{Token: token(t, "82AA"), ClusterTime: at(10, 1)}},
		{SourceID: read("shop.orders"), Position: goatee.Position{Complete: true}},
	}))

	tokens := documents(t, db, "tokens")
	require.Len(t, tokens, 1)
	require.IsType(t, primitive.ObjectID{}, tokens[0]["_id"])
	delete(tokens[0], "_id")
	require.Equal(t, bson.M{"resumeName": "default", "streamID": "", "token": bson.M{"_data": "82AA"}, "clusterTime": at(10, 1)}, tokens[0])
	require.Equal(t, []bson.M{{"_id": "default", "ts": at(10, 1)}}, times(t, db))

	reads := documents(t, db, "directreads")
	require.Len(t, reads, 1)
	for _, key := range []string{"created", "updated"} {
		require.IsType(t, primitive.DateTime(0), reads[0][key])
		delete(reads[0], key)
	}
	require.Equal(t, bson.M{"_id": "default", "ns": bson.A{"shop.orders"}}, reads[0])
}

// Monstache replaces a stream's document by resumeName and streamID, and with it what goatee has added.
func TestMongoReadsWhatMonstacheMadeOfItsDocuments(t *testing.T) {
	db := database(t)
	save(t, newMongo(t, db), 3, orders, goatee.Position{Token: token(t, "8201"), ClusterTime: at(10, 1)})
	_, err := db.Collection("tokens").ReplaceOne(context.Background(),
		bson.M{"resumeName": "default", "streamID": "shop.orders"},
		bson.M{"resumeName": "default", "streamID": "shop.orders", "token": bson.M{"_data": "8202"}},
		options.Replace().SetUpsert(true))
	require.NoError(t, err)

	s := newMongo(t, db)
	require.Equal(t, goatee.Position{Token: token(t, "8202")}, load(t, s, orders))
	save(t, s, 3, orders, goatee.Position{Token: token(t, "8203"), ClusterTime: at(20, 1)})
	require.Len(t, documents(t, db, "tokens"), 1)
}

func TestMongoTimeNeverPassesTheSlowestStream(t *testing.T) {
	db := database(t)
	s := newMongo(t, db)
	stored := func() primitive.Timestamp {
		return load(t, newMongo(t, db, resume.WithStrategy(resume.Timestamp)), customers).ClusterTime
	}
	require.NoError(t, s.Save(context.Background(), 0, []goatee.SourcePosition{
		{SourceID: orders, Position: goatee.Position{ClusterTime: at(10, 5)}},
		{SourceID: customers, Position: goatee.Position{ClusterTime: at(10, 3)}},
	}))
	require.Equal(t, at(10, 3), stored())
	save(t, s, 0, orders, goatee.Position{ClusterTime: at(90, 1)})
	require.Equal(t, at(10, 3), stored(), "customers has not moved")
	save(t, s, 0, customers, goatee.Position{ClusterTime: at(50, 1)})
	require.Equal(t, at(50, 1), stored())

	restarted := newMongo(t, db)
	load(t, restarted, orders)
	load(t, restarted, customers)
	save(t, restarted, 0, orders, goatee.Position{ClusterTime: at(100, 1)})
	require.Equal(t, at(50, 1), stored(), "what was loaded counts as well as what was saved")
	save(t, restarted, 0, read("shop.orders"), goatee.Position{ClusterTime: at(1, 1)})
	require.Equal(t, at(50, 1), stored(), "a direct read is not a stream")
}

func TestMongoTimeDoesNotWaitForAStreamWithoutPosition(t *testing.T) {
	db := database(t)
	s := newMongo(t, db)
	require.True(t, load(t, s, customers).IsZero())
	save(t, s, 0, orders, goatee.Position{Token: token(t, "8201"), ClusterTime: at(10, 1)})
	require.Equal(t, []bson.M{{"_id": "default", "ts": at(10, 1)}}, times(t, db))
}

func TestMongoTimeWaitsForAStreamOfUnknownTime(t *testing.T) {
	db := database(t)
	insert(t, db, "monstache", monstacheTime)
	insert(t, db, "tokens", monstacheToken) // Monstache stores no cluster time with a token
	s := newMongo(t, db)
	load(t, s, orders)
	save(t, s, 0, customers, goatee.Position{ClusterTime: at(1800000000, 1)})
	require.Equal(t, at(1700000000, 5), times(t, db)[0]["ts"])
	save(t, s, 0, orders, goatee.Position{ClusterTime: at(1750000000, 1)})
	require.Equal(t, at(1750000000, 1), times(t, db)[0]["ts"])
}

// A leader that is paused between its writes finds the documents the next leader has written closed to it.
func TestMongoFencesEachDocument(t *testing.T) {
	db := database(t)
	stale, leader := newMongo(t, db), newMongo(t, db)
	save(t, leader, 2, orders, goatee.Position{Token: token(t, "8202"), ClusterTime: at(20, 1)})
	before := documents(t, db, "tokens")
	_, err := db.Collection("monstache").DeleteMany(context.Background(), bson.D{}) // the stale leader is past this one
	require.NoError(t, err)

	err = stale.Save(context.Background(), 1, []goatee.SourcePosition{
		{SourceID: orders, Position: goatee.Position{Token: token(t, "8201"), ClusterTime: at(10, 1)}},
	})
	require.ErrorIs(t, err, goatee.ErrFenced)
	require.Equal(t, before, documents(t, db, "tokens"), "neither changed nor doubled")
}

func TestMongoNamesAreApart(t *testing.T) {
	db := database(t)
	a, err := resume.NewMongo(db, "a")
	require.NoError(t, err)
	b, err := resume.NewMongo(db, "b")
	require.NoError(t, err)
	for _, source := range []goatee.SourceID{orders, read("shop.orders"), {Name: "custom"}} {
		save(t, a, 5, source, goatee.Position{ClusterTime: at(10, 1), Complete: true})
		require.True(t, load(t, b, source).IsZero(), source)
	}
	save(t, b, 1, orders, goatee.Position{ClusterTime: at(10, 1)})
}

func TestMongoSaysWhatIsWrong(t *testing.T) {
	db := database(t)
	for name, test := range map[string]struct {
		open func() (*resume.Mongo, error)
		want string
	}{
		"no database": {func() (*resume.Mongo, error) { return resume.NewMongo(nil, "default") }, "no database"},
		"no name":     {func() (*resume.Mongo, error) { return resume.NewMongo(db, "") }, "empty name"},
		"no strategy": {func() (*resume.Mongo, error) { return resume.NewMongo(db, "default", resume.WithStrategy(9)) },
			"resume.WithStrategy: unknown strategy"},
	} {
		_, err := test.open()
		require.ErrorContains(t, err, test.want, name)
	}
}

func TestMongoCheck(t *testing.T) {
	db := database(t)
	require.NoError(t, newMongo(t, db).Check(context.Background()))
	names, err := db.ListCollectionNames(context.Background(), bson.D{})
	require.NoError(t, err)
	require.Empty(t, names, "a check writes nothing")

	// The driver connects lazily; nothing listens on this port.
	client, err := mongo.Connect(context.Background(), options.Client().
		ApplyURI("mongodb://user:secret@127.0.0.1:1/?serverSelectionTimeoutMS=50"))
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Disconnect(context.Background())) }()
	err = newMongo(t, client.Database("monstache")).Check(context.Background())
	var fault *goatee.ConfigError
	require.ErrorAs(t, err, &fault)
	require.NotContains(t, err.Error(), "secret")
}
