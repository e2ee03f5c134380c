package resume_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
)

// A store that was written when the names of sources decided where a position goes.
func TestMongoReadsWhatFormerVersionsStored(t *testing.T) {
	db := database(t)
	insert(t, db, "monstache", `{"_id": "default", "ts": {"$timestamp": {"t": 10, "i": 1}}, "fence": {"$numberLong": "3"}}`)
	insert(t, db, "tokens", `{"_id": {"$oid": "65a000000000000000000001"}, "resumeName": "default", "streamID": "shop",
		"token": {"_data": "8201"}, "clusterTime": {"$timestamp": {"t": 10, "i": 1}}, "fence": {"$numberLong": "3"}}`)
	insert(t, db, "directreads", `{"_id": "default", "ns": ["shop.orders"]}`)
	insert(t, db, "goatee_positions", `{"_id": {"name": "default", "source": "direct-read:shop.views"},
		"token": {"after": 7}, "clusterTime": {"$timestamp": {"t": 9, "i": 1}}}`)

	s := newMongo(t, db)
	shop := stream("shop")
	require.Equal(t, goatee.Position{Token: token(t, "8201"), ClusterTime: at(10, 1)}, load(t, s, shop))
	require.Equal(t, goatee.Position{Complete: true}, load(t, s, read("shop.orders")))
	unfinished := load(t, s, read("shop.views"))
	require.Equal(t, at(9, 1), unfinished.ClusterTime)
	require.Equal(t, int32(7), unfinished.Token.Lookup("after").Int32())

	save(t, s, 3, shop, goatee.Position{Token: token(t, "8202"), ClusterTime: at(11, 1)})
	require.Len(t, documents(t, db, "tokens"), 1, "the same document is written")
}

func TestFileReadsWhatFormerVersionsStored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "positions.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"version": 1, "positions": {
		"change-stream:shop": {"token": {"_data": "8201"}, "clusterTime": {"t": 10, "i": 1}},
		"direct-read:shop.orders": {"complete": true}
	}}`), 0o600))
	s := resume.NewFile(path)
	require.Equal(t, goatee.Position{Token: token(t, "8201"), ClusterTime: at(10, 1)}, load(t, s, stream("shop")))
	require.Equal(t, goatee.Position{Complete: true}, load(t, s, read("shop.orders")))
}

// What a source is decides where its position goes, whatever its name.
func TestMongoAsksForTheKindNotForTheName(t *testing.T) {
	db := database(t)
	s := newMongo(t, db)
	renamed := stream("shop.orders")
	renamed.Name = "orders"
	save(t, s, 0, renamed, goatee.Position{Token: token(t, "8201"), ClusterTime: at(10, 1)})
	require.Equal(t, "shop.orders", documents(t, db, "tokens")[0]["streamID"])

	other := goatee.SourceID{Name: "change-stream:shop.orders"}
	require.True(t, load(t, s, other).IsZero())
	save(t, s, 0, other, goatee.Position{Token: token(t, "8202")})
	require.Len(t, documents(t, db, "tokens"), 1)
	require.Equal(t, goatee.Position{Token: token(t, "8202")}, load(t, s, other))
}

// Found by its namespace, the position would be that of either.
func TestMongoRefusesTwoStreamsOfOneNamespace(t *testing.T) {
	s := newMongo(t, database(t))
	second := stream("shop.orders")
	second.Name = "change-stream:shop.orders, once more"
	load(t, s, orders)
	_, err := s.Load(context.Background(), second)
	require.ErrorContains(t, err, `sources "change-stream:shop.orders" and "change-stream:shop.orders, once more"`)
	err = s.Save(context.Background(), 0, []goatee.SourcePosition{{SourceID: second, Position: goatee.Position{ClusterTime: at(1, 1)}}})
	require.ErrorContains(t, err, "would share one position")
	load(t, s, stream("shop"))
}

// Monstache keeps the oplog's position as the time in monstache.
func TestMongoKeepsTheOplogsTime(t *testing.T) {
	db := database(t)
	insert(t, db, "monstache", monstacheTime)
	require.Equal(t, goatee.Position{ClusterTime: at(1700000000, 5)}, load(t, newMongo(t, db), oplog), "as Monstache left it")

	s := newMongo(t, db)
	load(t, s, oplog)
	save(t, s, 0, oplog, goatee.Position{ClusterTime: at(1800000000, 1)})
	require.Equal(t, []bson.M{{"_id": "default", "ts": at(1800000000, 1)}}, times(t, db), "as Monstache reads it")

	// Next to a change stream that is slower, the time is that of the change stream.
	save(t, s, 0, orders, goatee.Position{Token: token(t, "8201"), ClusterTime: at(1750000000, 1)})
	require.Equal(t, at(1750000000, 1), times(t, db)[0]["ts"])
	require.Equal(t, goatee.Position{ClusterTime: at(1800000000, 1)}, load(t, newMongo(t, db), oplog))
	byTime := newMongo(t, db, resume.WithStrategy(resume.Timestamp))
	require.Equal(t, goatee.Position{ClusterTime: at(1750000000, 1)}, load(t, byTime, oplog))
}

func TestMongoOwnsItsCollections(t *testing.T) {
	db := database(t)
	s := newMongo(t, db)
	require.NoError(t, s.Save(context.Background(), 1, []goatee.SourcePosition{
		{SourceID: orders, Position: goatee.Position{Token: token(t, "8201"), ClusterTime: at(1, 1)}},
		{SourceID: read("shop.orders"), Position: goatee.Position{Complete: true}},
		{SourceID: goatee.SourceID{Name: "custom"}, Position: goatee.Position{ClusterTime: at(1, 1)}},
	}))
	written, err := db.ListCollectionNames(context.Background(), bson.D{})
	require.NoError(t, err)
	var own []string
	for _, ns := range s.OwnNamespaces() {
		require.Equal(t, db.Name(), ns.Database)
		own = append(own, ns.Collection)
	}
	require.ElementsMatch(t, written, own)
}
