package source

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// changeEverything does one thing of each kind in a fresh database.
func changeEverything(t *testing.T, db *mongo.Database) {
	ctx := t.Context()
	must := func(_ any, err error) { t.Helper(); require.NoError(t, err) }
	items := db.Collection("items")
	must(items.InsertOne(ctx, d("_id", 1, "v", 1)))
	must(items.UpdateOne(ctx, d("_id", 1), d("$set", d("v", 2), "$unset", d("w", 1))))
	must(items.ReplaceOne(ctx, d("_id", 1), d("v", 3)))
	must(items.DeleteOne(ctx, d("_id", 1)))
	must(items.InsertOne(ctx, d("_id", 2)))
	require.NoError(t, db.Client().Database("admin").RunCommand(ctx, d(
		"renameCollection", db.Name()+".items", "to", db.Name()+".things")).Err())
	must(db.Collection("things").InsertOne(ctx, d("_id", 3)))
	require.NoError(t, db.Collection("things").Drop(ctx))
	must(db.Collection("last").InsertOne(ctx, d("_id", 4)))
	require.NoError(t, db.Drop(ctx))
}

func TestEveryEventAtEveryLevel(t *testing.T) {
	server := testservers.MongoDB(t)
	client := server.Client(t)
	document := []string{"insert items 1", "update items 1", "replace items 1", "delete items 1", "insert items 2"}
	tests := []struct {
		name, target string
		want         []string
	}{
		{"database", "", append(document, "rename items to things", "read things 2", "insert things 3", "drop things",
			"insert last 4", "drop last", "dropDatabase", "invalidate ")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := client.Database(server.UniqueDB(t))
			stream, err := NewChangeStream(client, db.Name())
			require.NoError(t, err)
			require.NoError(t, stream.Check(t.Context()))
			from, err := stream.Start(t.Context())
			require.NoError(t, err)
			changeEverything(t, db)
			got, stop := run(t, stream, from)
			require.Equal(t, tt.want, got.lines(t, len(tt.want)))
			require.Error(t, stop())
		})
	}
}

func TestDirectReadReadsEverything(t *testing.T) {
	server := testservers.MongoDB(t)
	client := server.Client(t)
	db := client.Database(server.UniqueDB(t))
	for i := range 10 {
		_, err := db.Collection("c").InsertOne(t.Context(), d("_id", i))
		require.NoError(t, err)
	}
	read, err := NewDirectRead(client, db.Name()+".c", WithChunkBytes(60))
	require.NoError(t, err)
	got, _ := run(t, read, goatee.Position{})
	<-got.done
	require.NoError(t, got.err)
	require.Len(t, got.changes(), 10)
	t.Log(got.lines(t, 10))
	for _, b := range got.snapshot() {
		t.Log(b.Position, len(b.changes))
	}
}
