package source

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// fixture is a fresh database on a replica set.
type fixture struct {
	server *testservers.Mongo
	client *mongo.Client
	db     *mongo.Database
}

func setup(t *testing.T) fixture {
	t.Helper()
	server := testservers.MongoDB(t)
	client := server.Client(t)
	return fixture{server, client, client.Database(server.UniqueDB(t))}
}

// stream returns the change stream of a target in the fixture's database and its present position.
func (f fixture) stream(t *testing.T, target string, opts ...Option) (*ChangeStream, goatee.Position) {
	t.Helper()
	s, err := NewChangeStream(f.client, target, opts...)
	require.NoError(t, err)
	from, err := s.Start(t.Context())
	require.NoError(t, err)
	return s, from
}

func (f fixture) insert(t *testing.T, collection string, docs ...any) {
	t.Helper()
	_, err := f.db.Collection(collection).InsertMany(t.Context(), docs)
	require.NoError(t, err)
}

func (f fixture) update(t *testing.T, collection string, id, update any) {
	t.Helper()
	_, err := f.db.Collection(collection).UpdateOne(t.Context(), d("_id", id), update)
	require.NoError(t, err)
}

func (f fixture) delete(t *testing.T, collection string, id any) {
	t.Helper()
	_, err := f.db.Collection(collection).DeleteOne(t.Context(), d("_id", id))
	require.NoError(t, err)
}

func (f fixture) rename(t *testing.T, from, to string, dropTarget bool) {
	t.Helper()
	require.NoError(t, f.client.Database("admin").RunCommand(t.Context(), d(
		"renameCollection", f.db.Name()+"."+from, "to", f.db.Name()+"."+to, "dropTarget", dropTarget)).Err())
}

// changeEverything does one thing of each kind.
func (f fixture) changeEverything(t *testing.T) {
	f.insert(t, "items", d("_id", 1, "v", 1))
	f.update(t, "items", 1, d("$set", d("v", 2)))
	_, err := f.db.Collection("items").ReplaceOne(t.Context(), d("_id", 1), d("v", 3))
	require.NoError(t, err)
	f.delete(t, "items", 1)
	f.insert(t, "other", d("_id", 5))
	require.NoError(t, f.db.Collection("other").Drop(t.Context()))
	f.insert(t, "items", d("_id", 2))
	require.NoError(t, f.db.Drop(t.Context()))
}

func TestEveryEventAtEveryLevel(t *testing.T) {
	changes := []string{"insert items 1", "update items 1", "replace items 1", "delete items 1"}
	everything := append(changes, "insert other 5", "drop other", "insert items 2", "drop items", "dropDatabase")
	tests := []struct {
		level  string
		target func(db string) string
		want   []string
	}{
		{"deployment", func(string) string { return "" }, everything},
		{"database", func(db string) string { return db }, append(everything, "invalidate ")},
		{"collection", func(db string) string { return db + ".items" },
			append(changes, "insert items 2", "drop items", "invalidate items")},
	}
	for _, tt := range tests {
		t.Run(tt.level, func(t *testing.T) {
			f := setup(t)
			only := WithInclude(namespacePattern(f.db.Name()))
			stream, from := f.stream(t, tt.target(f.db.Name()), only, WithDropInclude(namespacePattern(f.db.Name())))
			require.NoError(t, stream.Check(t.Context()))
			f.changeEverything(t)
			got, _ := run(t, stream, from)
			require.Equal(t, tt.want, got.lines(t, len(tt.want)))
			requireBatches(t, got)
		})
	}
}

// requireBatches checks what holds for all batches: barriers alone, positions that move and cluster times that do not
// run backwards.
func requireBatches(t *testing.T, r *recorder) {
	t.Helper()
	var last recorded
	for _, b := range r.snapshot() {
		for _, c := range b.changes {
			require.False(t, c.Op.IsBarrier() && len(b.changes) > 1, "a barrier must be alone")
			require.False(t, c.ClusterTime.IsZero())
			require.False(t, c.ClusterTime.After(b.ClusterTime) && c.Op != goatee.OpRead && c.Op != goatee.OpRename,
				"a position must not be older than its changes")
		}
		require.NotEmpty(t, b.Token)
		require.False(t, b.ClusterTime.Before(last.ClusterTime))
		last = b
	}
}

func TestChangesCarryWhatHappened(t *testing.T) {
	f := setup(t)
	require.NoError(t, f.db.RunCommand(t.Context(), d(
		"create", "c", "changeStreamPreAndPostImages", d("enabled", true))).Err())
	stream, from := f.stream(t, f.db.Name(), WithPreImages(PreImagesWhenAvailable))
	f.insert(t, "c", d("_id", "a", "v", 1, "w", 1))
	f.update(t, "c", "a", d("$set", d("v", 2), "$unset", d("w", 1)))
	f.delete(t, "c", "a")
	got, _ := run(t, stream, from)
	got.lines(t, 3)
	insert, update, remove := got.changes()[0], got.changes()[1], got.changes()[2]

	require.EqualValues(t, 1, insert.Document.Lookup("v").Int32())
	require.Nil(t, insert.Update)
	require.True(t, insert.Before.IsZero())

	require.True(t, update.Document.IsZero(), "updates are looked up later")
	described, err := update.Update.Map()
	require.NoError(t, err)
	require.Equal(t, m{"updatedFields": m{"v": int32(2)}, "removedFields": bson.A{"w"}, "truncatedArrays": bson.A{}}, described)
	require.EqualValues(t, 1, update.Before.Lookup("v").Int32())

	require.EqualValues(t, 2, remove.Before.Lookup("v").Int32())
	require.Equal(t, "a", remove.ID.StringValue())
	require.Equal(t, goatee.Namespace{Database: f.db.Name(), Collection: "c"}, remove.Namespace)
}

func TestFullDocumentModes(t *testing.T) {
	tests := []struct {
		mode FullDocument
		want int32 // the value in the first of two updates' documents
	}{
		{FullDocumentUpdateLookup, 3},
		{FullDocumentWhenAvailable, 2},
		{FullDocumentRequired, 2},
	}
	for _, tt := range tests {
		t.Run(fullDocumentNames[tt.mode], func(t *testing.T) {
			f := setup(t)
			require.NoError(t, f.db.RunCommand(t.Context(), d(
				"create", "c", "changeStreamPreAndPostImages", d("enabled", true))).Err())
			stream, from := f.stream(t, f.db.Name()+".c", WithFullDocument(tt.mode))
			f.insert(t, "c", d("_id", 1, "v", 1))
			f.update(t, "c", 1, d("$set", d("v", 2)))
			f.update(t, "c", 1, d("$set", d("v", 3)))
			got, _ := run(t, stream, from)
			got.lines(t, 3)
			update := got.changes()[1]
			require.Equal(t, tt.want, update.Document.Lookup("v").Int32())
		})
	}
}

func TestTransactionKeepsItsOrder(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 0))
	stream, from := f.stream(t, f.db.Name())
	session, err := f.client.StartSession()
	require.NoError(t, err)
	defer session.EndSession(t.Context())
	_, err = session.WithTransaction(t.Context(), func(ctx mongo.SessionContext) (any, error) {
		c := f.db.Collection("c")
		if _, err := c.InsertOne(ctx, d("_id", 1, "v", 1)); err != nil {
			return nil, err
		}
		if _, err := c.UpdateOne(ctx, d("_id", 1), d("$set", d("v", 2))); err != nil {
			return nil, err
		}
		return c.DeleteOne(ctx, d("_id", 1))
	})
	require.NoError(t, err)
	got, _ := run(t, stream, from)
	lines := got.lines(t, 3)
	lines = lines[len(lines)-3:] // the stream's start is inclusive
	require.Equal(t, []string{"insert c 1", "update c 1", "delete c 1"}, lines)
	last := got.changes()[len(got.changes())-1]
	first := got.changes()[len(got.changes())-3]
	require.Equal(t, first.ClusterTime, last.ClusterTime)
}

func TestRenameIsFollowedByItsDocuments(t *testing.T) {
	f := setup(t)
	stream, from := f.stream(t, f.db.Name())
	f.insert(t, "a", d("_id", 1))
	f.insert(t, "b", d("_id", 2))
	got, _ := run(t, stream, from)
	got.lines(t, 2)
	f.rename(t, "a", "b", true)
	require.Equal(t, []string{"insert a 1", "insert b 2", "rename a to b", "drop b", "read b 1"}, got.lines(t, 5))
	f.insert(t, "b", d("_id", 3))
	got.lines(t, 6)

	batches := got.snapshot()
	var before, during, after goatee.Position
	for i, b := range batches {
		for _, c := range b.changes {
			switch {
			case c.Op == goatee.OpRename:
				before = batches[i-1].Position
				during = b.Position
			case c.Op == goatee.OpRead:
				require.Equal(t, before, b.Position, "a crash in between must repeat the rename")
			case c.Op == goatee.OpInsert:
				after = b.Position
			}
		}
	}
	require.Equal(t, before, during)
	require.True(t, after.ClusterTime.After(before.ClusterTime))
	again, _ := run(t, stream, before)
	require.Equal(t, []string{"rename a to b", "drop b", "read b 1", "read b 3", "insert b 3"}, again.lines(t, 5))
}

func TestRenameOutOfAndIntoTheStreamOfACollection(t *testing.T) {
	f := setup(t)
	f.insert(t, "a", d("_id", 1))
	out, from := f.stream(t, f.db.Name()+".a")
	into, _ := f.stream(t, f.db.Name()+".b")
	f.rename(t, "a", "b", false)
	f.insert(t, "b", d("_id", 2))
	got, _ := run(t, out, from)
	lines := got.lines(t, 2)
	require.Equal(t, []string{"rename a to b", "invalidate a"}, lines[len(lines)-2:])
	got, _ = run(t, into, from)
	require.Equal(t, []string{"drop b", "read b 1", "read b 2", "invalidate b", "insert b 2"}, got.lines(t, 5))
}

func TestStreamGoesOnAfterInvalidate(t *testing.T) {
	f := setup(t)
	stream, from := f.stream(t, f.db.Name()+".c")
	got, _ := run(t, stream, from)
	f.insert(t, "c", d("_id", 1))
	require.NoError(t, f.db.Collection("c").Drop(t.Context()))
	f.insert(t, "c", d("_id", 2))
	want := []string{"insert c 1", "drop c", "invalidate c", "insert c 2"}
	require.Equal(t, want, got.lines(t, 4))
	for i, b := range got.snapshot() {
		if len(b.changes) == 1 && b.changes[0].Op == goatee.OpInvalidate {
			again, _ := run(t, stream, b.Position)
			require.Equal(t, want[3:], again.lines(t, 1), "batch %d", i)
		}
	}
}

func TestPipelineThatSwallowsTheInvalidate(t *testing.T) {
	f := setup(t)
	inserts := func(string, bool) (mongo.Pipeline, error) {
		return mongo.Pipeline{d("$match", d("operationType", "insert"))}, nil
	}
	stream, from := f.stream(t, f.db.Name()+".c", WithPipeline(inserts))
	got, _ := run(t, stream, from)
	f.insert(t, "c", d("_id", 1))
	require.NoError(t, f.db.Collection("c").Drop(t.Context()))
	f.insert(t, "c", d("_id", 2))
	require.Equal(t, []string{"insert c 1", "insert c 2"}, got.lines(t, 2))
}

func TestPipelineThatLosesAField(t *testing.T) {
	tests := []struct {
		name    string
		stage   bson.D
		missing string
	}{
		{"replaceRoot", d("$replaceRoot", d("newRoot", d("_id", "$_id", "a", "$fullDocument"))), "operationType"},
		{"project", d("$project", d("documentKey", 0)), "documentKey"},
		{"no namespace", d("$unset", "ns"), "ns"},
		{"no time", d("$unset", "clusterTime"), "clusterTime"},
		{"token", d("$unset", "_id"), "modified by the pipeline"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := setup(t)
			stream, from := f.stream(t, f.db.Name()+".c", WithPipeline(func(ns string, stream bool) (mongo.Pipeline, error) {
				require.True(t, stream)
				require.Equal(t, f.db.Name()+".c", ns)
				return mongo.Pipeline{tt.stage}, nil
			}))
			f.insert(t, "c", d("_id", 1))
			err := stream.Run(t.Context(), from, func(context.Context, *goatee.Batch) error { return nil })
			var config *goatee.ConfigError
			require.ErrorAs(t, err, &config)
			require.Equal(t, SettingPipeline, config.Setting)
			require.ErrorContains(t, err, tt.missing)
			require.NotErrorIs(t, err, goatee.ErrPositionLost)
		})
	}
}

func TestIdleStreamMovesOn(t *testing.T) {
	f := setup(t)
	stream, from := f.stream(t, f.db.Name()+".quiet", WithMaxAwait(20*time.Millisecond))
	got, stop := run(t, stream, from)
	got.eventually(t, func() bool { return len(got.snapshot()) > 0 }, "a position")
	first := got.snapshot()[0]
	for range 3 {
		f.insert(t, "noise", d("n", 1))
	}
	got.eventually(t, func() bool {
		all := got.snapshot()
		return all[len(all)-1].ClusterTime.After(first.ClusterTime)
	}, "a newer position")
	require.Empty(t, got.changes())
	require.ErrorIs(t, stop(), context.Canceled)

	all := got.snapshot()
	f.insert(t, "quiet", d("_id", 1))
	for _, at := range []goatee.Position{first.Position, all[len(all)-1].Position,
		{ClusterTime: all[len(all)-1].ClusterTime}} {
		again, _ := run(t, stream, at)
		require.Equal(t, []string{"insert quiet 1"}, again.lines(t, 1), at.String())
	}
}

func TestLargeDocuments(t *testing.T) {
	f := setup(t)
	stream, from := f.stream(t, f.db.Name())
	large := strings.Repeat("x", 15<<20)
	for i := range 4 {
		f.insert(t, "c", d("_id", i, "text", large), d("_id", i+100))
	}
	got, _ := run(t, stream, from)
	require.Equal(t, []string{
		"insert c 0", "insert c 100", "insert c 1", "insert c 101", "insert c 2", "insert c 102", "insert c 3", "insert c 103",
	}, got.lines(t, 8))
	for _, b := range got.snapshot() {
		require.Less(t, b.bytes, 17<<20)
	}
}

func TestReplyIsSplitIntoBatches(t *testing.T) {
	f := setup(t)
	stream, from := f.stream(t, f.db.Name())
	megabyte := strings.Repeat("x", 1<<20)
	for i := range 12 {
		f.insert(t, "c", d("_id", i, "text", megabyte))
	}
	got, _ := run(t, stream, from)
	got.lines(t, 12)
	for _, b := range got.snapshot() {
		require.LessOrEqual(t, len(b.changes), 4)
		again, stop := run(t, stream, b.Position)
		if rest := 11 - int(last(b).ID.Int32()); rest > 0 {
			require.Len(t, again.lines(t, rest), rest)
			require.Equal(t, last(b).ID.Int32()+1, again.changes()[0].ID.Int32())
		}
		_ = stop()
		if rest := last(b).ID.Int32(); rest == 11 {
			break
		}
	}
}

func last(b recorded) *goatee.Change { return &b.changes[len(b.changes)-1] }

// TestEventLargerThanMongoDBCanSend ends the run, and the error says that it is an event and what helps.
func TestEventLargerThanMongoDBCanSend(t *testing.T) {
	f := setup(t)
	require.NoError(t, f.db.RunCommand(t.Context(), d(
		"create", "c", "changeStreamPreAndPostImages", d("enabled", true))).Err())
	stream, from := f.stream(t, f.db.Name()+".c", WithPreImages(PreImagesWhenAvailable))
	text := strings.Repeat("x", 9<<20)
	f.insert(t, "c", d("_id", 1, "text", text))
	_, err := f.db.Collection("c").ReplaceOne(t.Context(), d("_id", 1), d("text", text))
	require.NoError(t, err)
	err = stream.Run(t.Context(), from, func(context.Context, *goatee.Batch) error { return nil })
	requireSetting(t, err, SettingFullDocument)
	require.ErrorContains(t, err, "a change event is larger")
}
