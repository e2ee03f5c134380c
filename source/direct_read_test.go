package source

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// readAll runs a direct read to its end.
func (f fixture) readAll(t *testing.T, collection string, opts ...Option) *recorder {
	t.Helper()
	read, err := NewDirectRead(f.client, f.db.Name()+"."+collection, opts...)
	require.NoError(t, err)
	require.NoError(t, read.Check(t.Context()))
	got, _ := run(t, read, goatee.Position{})
	<-got.done
	require.NoError(t, got.err)
	requireReadPositions(t, got)
	return got
}

// requireReadPositions checks that no document is older than the positions before it promise, and that the last
// position, and no other, says that the read is complete.
func requireReadPositions(t *testing.T, r *recorder) {
	t.Helper()
	batches := r.snapshot()
	var low primitive.Timestamp
	for i, b := range batches {
		for _, c := range b.changes {
			require.Equal(t, goatee.OpRead, c.Op)
			require.False(t, c.ClusterTime.IsZero())
			require.False(t, c.ClusterTime.Before(low))
		}
		require.False(t, b.ClusterTime.Before(low))
		low = b.ClusterTime
		require.Equal(t, i == len(batches)-1, b.Complete)
	}
}

// ids returns type and bytes of each _id, sorted.
func ids(changes []goatee.Change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, string(append([]byte{byte(c.ID.Type)}, c.ID.Value...)))
	}
	slices.Sort(all)
	return all
}

// mixedIDs returns ids of every type that MongoDB takes.
func mixedIDs() []any {
	all := []any{primitive.MinKey{}, primitive.MaxKey{}, nil, true, false, d("a", 1), d("b", "x"), d("$ref", "c", "$id", 1),
		primitive.Binary{Subtype: 0, Data: []byte{1, 2}}, primitive.Binary{Subtype: 4, Data: make([]byte, 16)},
		math.Inf(1), math.Inf(-1), math.NaN(), primitive.Timestamp{T: 1, I: 2}, primitive.Symbol("symbol"),
		primitive.JavaScript("code()"), primitive.NewDecimal128(0, 7)}
	for i := range 40 {
		all = append(all, int32(i), int64(i+1000), float64(i)+0.5, "s"+strings.Repeat("x", i),
			primitive.NewObjectID(), primitive.DateTime(i*1000))
	}
	return all
}

func TestDirectReadIsCompleteForMixedIDs(t *testing.T) {
	f := setup(t)
	create := map[string]bson.D{
		"plain":     d("create", "plain"),
		"collation": d("create", "collation", "collation", d("locale", "en", "strength", 1)),
		"clustered": d("create", "clustered", "clusteredIndex", d("key", d("_id", 1), "unique", true)),
		"capped":    d("create", "capped", "capped", true, "size", 1<<20),
	}
	for name, command := range create {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, f.db.RunCommand(t.Context(), command).Err())
			var docs []any
			for _, id := range mixedIDs() {
				if _, ok := id.(primitive.Symbol); ok && name == "collation" {
					continue // MongoDB has no collated symbols
				}
				docs = append(docs, d("_id", id, "pad", strings.Repeat("p", 20)))
			}
			f.insert(t, name, docs...)
			for _, chunkBytes := range []int64{1, 512, 1 << 20} {
				got := f.readAll(t, name, WithChunkBytes(chunkBytes), WithBatchBytes(256), WithParallel(3))
				all := ids(got.changes())
				require.Len(t, slices.Compact(slices.Clone(all)), len(docs), "every document")
				require.Len(t, all, len(docs), "none twice")
				require.Equal(t, chunkBytes < 1<<20, completed(got) > 10, "in many chunks")
			}
		})
	}
}

// completed counts the batches that say that a chunk is complete.
func completed(r *recorder) int {
	n := 0
	for _, b := range r.snapshot() {
		if len(b.changes) == 0 && !b.Complete {
			n++
		}
	}
	return n
}

func TestDirectReadOfAView(t *testing.T) {
	f := setup(t)
	f.insert(t, "orders", d("_id", 1, "v", 1), d("_id", 2, "v", 2))
	require.NoError(t, f.db.CreateView(t.Context(), "large", "orders", mongo.Pipeline{d("$match", d("v", 2))}))
	require.NoError(t, f.db.CreateView(t.Context(), "anonymous", "orders", mongo.Pipeline{d("$unset", "_id")}))
	require.Len(t, f.readAll(t, "large", WithChunkBytes(1)).changes(), 1)
	anonymous := f.readAll(t, "anonymous").changes()
	require.Len(t, anonymous, 2)
	require.True(t, anonymous[0].ID.IsZero())
}

func TestDirectReadOfATimeSeries(t *testing.T) {
	f := setup(t)
	require.NoError(t, f.db.RunCommand(t.Context(), d("create", "weather", "timeseries", d("timeField", "at"))).Err())
	f.insert(t, "weather", d("at", time.Now(), "v", 1), d("at", time.Now(), "v", 2))
	require.Len(t, f.readAll(t, "weather", WithChunkBytes(1)).changes(), 2)
}

func TestDirectReadWithPipeline(t *testing.T) {
	f := setup(t)
	for i := range 50 {
		f.insert(t, "c", d("_id", i, "v", i%2))
	}
	got := f.readAll(t, "c", WithChunkBytes(64), WithPipeline(func(ns string, stream bool) (mongo.Pipeline, error) {
		require.False(t, stream)
		require.Equal(t, f.db.Name()+".c", ns)
		return mongo.Pipeline{d("$match", d("v", 1))}, nil
	}))
	require.Len(t, got.changes(), 25)
}

func TestDirectReadWithBadPipeline(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1))
	read, err := NewDirectRead(f.client, f.db.Name()+".c", WithPipeline(func(string, bool) (mongo.Pipeline, error) {
		return mongo.Pipeline{d("$nonsense", 1)}, nil
	}))
	require.NoError(t, err)
	err = read.Run(t.Context(), goatee.Position{}, func(context.Context, *goatee.Batch) error { return nil })
	var config *goatee.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, SettingPipeline, config.Setting)
}

func TestDirectReadOfLargeDocuments(t *testing.T) {
	f := setup(t)
	for i := range 3 {
		f.insert(t, "c", d("_id", i, "text", strings.Repeat("x", 15<<20)))
	}
	f.insert(t, "c", d("_id", 3))
	got := f.readAll(t, "c")
	require.Len(t, got.changes(), 4)
	for _, b := range got.snapshot() {
		require.Less(t, b.bytes, 17<<20)
	}
}

func TestDirectReadOfNothing(t *testing.T) {
	f := setup(t)
	f.insert(t, "orders", d("_id", 1))
	read, err := NewDirectRead(f.client, f.db.Name()+".ordrs")
	require.NoError(t, err)
	emitted := 0
	err = read.Run(t.Context(), goatee.Position{}, func(context.Context, *goatee.Batch) error { emitted++; return nil })
	requireSetting(t, err, SettingNamespace)
	require.ErrorIs(t, err, ErrNamespaceNotFound)
	require.ErrorContains(t, err, f.db.Name()+".orders")
	require.Zero(t, emitted, "a namespace that does not exist is not recorded as read")

	f.delete(t, "orders", 1)
	require.Empty(t, f.readAll(t, "orders").changes())
}

func TestDirectReadIsNotRepeated(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1))
	for _, stateful := range []bool{true, false} {
		read, err := NewDirectRead(f.client, f.db.Name()+".c", WithStateful(stateful))
		require.NoError(t, err)
		require.Equal(t, stateful, read.Stateful())
		require.Zero(t, read.Estimate())
		got, _ := run(t, read, goatee.Position{Complete: true})
		<-got.done
		require.Equal(t, !stateful, len(got.changes()) == 1)
		if !stateful {
			require.EqualValues(t, 1, read.Estimate())
		}
	}
}

// TestDirectReadIsNewerThanItsTime changes documents while they are read: whatever the read has missed is newer than
// the time it carries.
func TestDirectReadIsNewerThanItsTime(t *testing.T) {
	f := setup(t)
	var docs []any
	for i := range 300 {
		docs = append(docs, d("_id", i, "v", 0))
	}
	f.insert(t, "c", docs...)
	stream, from := f.stream(t, f.db.Name()+".c", WithFullDocument(FullDocumentUpdateLookup))
	events, _ := run(t, stream, from)
	read, err := NewDirectRead(f.client, f.db.Name()+".c", WithChunkBytes(1024), WithBatchBytes(256))
	require.NoError(t, err)
	reads, _ := run(t, read, goatee.Position{})
	for i := range 300 {
		f.update(t, "c", 299-i, d("$set", d("v", 1)))
	}
	<-reads.done
	events.eventually(t, func() bool { return updates(events) == 300 }, "300 updates")
	updated := make(map[int32]primitive.Timestamp)
	for _, c := range events.changes() {
		if c.Op == goatee.OpUpdate {
			updated[c.ID.Int32()] = c.ClusterTime
		}
	}
	require.Len(t, reads.changes(), 300)
	for _, c := range reads.changes() {
		if c.Document.Lookup("v").Int32() == 0 {
			require.True(t, updated[c.ID.Int32()].After(c.ClusterTime), "the update must win over the older document")
		}
	}
}

func TestDiscoverNamespaces(t *testing.T) {
	f := setup(t)
	state := f.server.UniqueDB(t)
	for _, c := range []string{"orders", "fs.files", "fs.chunks", "tmp"} {
		f.insert(t, c, d("_id", 1))
	}
	_, err := f.client.Database(state).Collection("tokens").InsertOne(t.Context(), d("_id", 1))
	require.NoError(t, err)
	names, err := DiscoverNamespaces(t.Context(), f.client, namespacePattern(f.db.Name()), nil, state)
	require.NoError(t, err)
	require.Equal(t, []string{f.db.Name() + ".fs.files", f.db.Name() + ".orders", f.db.Name() + ".tmp"}, names)
	names, err = DiscoverNamespaces(t.Context(), f.client, nil, namespacePattern(f.db.Name()), state)
	require.NoError(t, err)
	for _, name := range names {
		require.False(t, strings.HasPrefix(name, f.db.Name()) || strings.HasPrefix(name, state) ||
			strings.HasPrefix(name, "local.") || strings.HasPrefix(name, "admin."), name)
	}
}
