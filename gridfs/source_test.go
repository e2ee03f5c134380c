package gridfs_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	driver "go.mongodb.org/mongo-driver/mongo/gridfs"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inner emits the batches it is made of.
type inner []*goatee.Batch

func (inner) Name() string { return "inner" }

func (s inner) Run(ctx context.Context, _ goatee.Position, emit goatee.EmitFunc) error {
	for _, b := range s {
		if err := emit(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// store is a GridFS bucket of a test.
type store struct {
	t      *testing.T
	client *mongo.Client
	db     *mongo.Database
	bucket string
	opts   []gridfs.Option
}

func newStore(t *testing.T, bucket string) store {
	t.Helper()
	server := testservers.MongoDB(t)
	client := server.Client(t)
	return store{t, client, client.Database(server.UniqueDB(t)), bucket, nil}
}

func (s store) namespace() goatee.Namespace {
	return goatee.Namespace{Database: s.db.Name(), Collection: s.bucket + ".files"}
}

// upload stores a file in small chunks and returns the change its document makes.
func (s store) upload(content []byte) goatee.Change {
	s.t.Helper()
	return s.uploadChunks(content, 1000)
}

func (s store) uploadLarge(bytes int) goatee.Change {
	s.t.Helper()
	return s.uploadChunks(content(bytes), 1<<20)
}

func (s store) uploadChunks(content []byte, size int32) goatee.Change {
	s.t.Helper()
	bucket, err := driver.NewBucket(s.db, options.GridFSBucket().SetName(s.bucket).SetChunkSizeBytes(size))
	require.NoError(s.t, err)
	id, err := bucket.UploadFromStream("a.txt", bytes.NewReader(content))
	require.NoError(s.t, err)
	raw, err := s.db.Collection(s.bucket+".files").FindOne(context.Background(), bson.M{"_id": id}).Raw()
	require.NoError(s.t, err)
	return goatee.Change{Op: goatee.OpInsert, Namespace: s.namespace(), ID: raw.Lookup("_id"), Document: goatee.NewDocument(raw)}
}

func (s store) source(in goatee.Source, opts ...gridfs.Option) goatee.Source {
	s.t.Helper()
	src, err := gridfs.NewSource(in, s.client, append(s.opts, opts...)...)
	require.NoError(s.t, err)
	return src
}

// run returns what the source emits for one batch of changes.
func (s store) run(changes []goatee.Change, opts ...gridfs.Option) []*goatee.Batch {
	s.t.Helper()
	return s.runBatch(&goatee.Batch{Changes: changes, Position: position(9)}, opts...)
}

func (s store) runBatch(b *goatee.Batch, opts ...gridfs.Option) []*goatee.Batch {
	s.t.Helper()
	var out []*goatee.Batch
	src := s.source(inner{b}, opts...)
	require.NoError(s.t, src.Run(context.Background(), position(1), func(_ context.Context, b *goatee.Batch) error {
		out = append(out, b)
		return nil
	}))
	return out
}

// damage deletes or updates chunks of a file.
func (s store) damage(c goatee.Change, filter, update bson.M) {
	s.t.Helper()
	filter = maps.Clone(filter)
	filter["files_id"] = c.ID
	var err error
	if update == nil {
		_, err = s.db.Collection(s.bucket+".chunks").DeleteOne(context.Background(), filter)
	} else {
		_, err = s.db.Collection(s.bucket+".chunks").UpdateOne(context.Background(), filter, update)
	}
	require.NoError(s.t, err)
}

func position(t uint32) goatee.Position {
	return goatee.Position{ClusterTime: primitive.Timestamp{T: t, I: 1}}
}

func file(t *testing.T, c *goatee.Change) any {
	t.Helper()
	m, err := c.Document.Map()
	require.NoError(t, err)
	return m["file"]
}

func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestContentIsAttached(t *testing.T) {
	for _, size := range []int{0, 1, 2, 3, 999, 1000, 1001, 2000, 123_457} {
		s := newStore(t, "fs")
		c := s.upload(content(size))
		before, err := c.Document.Map()
		require.NoError(t, err)
		want := bson.M{"file": base64.StdEncoding.EncodeToString(content(size))}
		for k, v := range before {
			want[k] = v
		}

		out := s.run([]goatee.Change{s.upload(content(size))})
		require.Len(t, out, 1)
		got, err := out[0].Changes[0].Document.Map()
		require.NoError(t, err)
		for _, k := range []string{"_id", "uploadDate"} { // another upload
			require.Contains(t, got, k)
			delete(got, k)
			delete(want, k)
		}
		require.Equal(t, want, got, "%d bytes: the field and nothing else", size)
	}
}

func TestTheDocumentsBytesAreSound(t *testing.T) {
	s := newStore(t, "my.bucket") // a bucket's name may hold dots
	out := s.run([]goatee.Change{s.upload(content(5000))})
	raw, err := out[0].Changes[0].Document.Raw()
	require.NoError(t, err)
	require.NoError(t, raw.Validate())
	require.Equal(t, cap(raw), len(raw), "the buffer was made to fit")
}

func TestAFieldOfThatNameIsReplaced(t *testing.T) {
	s := newStore(t, "fs")
	c := s.upload(content(3))
	m, err := c.Document.Map()
	require.NoError(t, err)
	m["file"] = bson.M{"mine": 1}
	out := s.run([]goatee.Change{c})
	require.Equal(t, base64.StdEncoding.EncodeToString(content(3)), file(t, &out[0].Changes[0]))
}

func TestOnlyFilesAreTouched(t *testing.T) {
	s := newStore(t, "fs")
	f := s.upload(content(10))
	document := f.Document.Clone()
	deleted := goatee.Change{Op: goatee.OpDelete, Namespace: s.namespace(), ID: f.ID}
	vanished := goatee.Change{Op: goatee.OpUpdate, Namespace: s.namespace(), ID: f.ID}
	chunk := goatee.Change{Op: goatee.OpInsert, ID: f.ID, Document: document.Clone(),
		Namespace: goatee.Namespace{Database: s.db.Name(), Collection: "fs.chunks"}}
	changes := []goatee.Change{deleted, vanished, chunk}

	out := s.run(changes)
	require.Len(t, out, 1, "a batch without files is handed on as it is")
	require.Equal(t, []goatee.Change{deleted, vanished, chunk}, out[0].Changes)

	other := goatee.Namespace{Database: s.db.Name(), Collection: "other.files"}
	out = s.run([]goatee.Change{f}, gridfs.WithNamespaces(other))
	require.Nil(t, file(t, &out[0].Changes[0]), "not among the namespaces")
}

func TestEachFileTravelsAlone(t *testing.T) {
	s := newStore(t, "fs")
	order := func(id int) goatee.Change {
		raw, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
		require.NoError(t, err)
		return goatee.Change{Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "shop", Collection: "orders"},
			ID: bson.Raw(raw).Lookup("_id"), Document: goatee.NewDocument(raw)}
	}
	for name, test := range map[string]struct {
		kinds string // o: an order, f: a file
		parts string
	}{
		"in the middle":  {"oofo", "oo f o"},
		"at the ends":    {"foof", "f oo f"},
		"one by another": {"off", "o f f"},
	} {
		t.Run(name, func(t *testing.T) {
			var changes []goatee.Change
			for i, kind := range test.kinds {
				if kind == 'f' {
					changes = append(changes, s.upload(content(300)))
				} else {
					changes = append(changes, order(i))
				}
			}
			released := 0
			src := s.source(inner{
				{Position: position(2)},
				{Changes: changes, Position: position(9), Bytes: 1000, Release: func() { released++ }},
			})
			var out []*goatee.Batch
			require.NoError(t, src.Run(context.Background(), position(1), func(_ context.Context, b *goatee.Batch) error {
				out = append(out, b)
				return nil
			}))
			require.Equal(t, position(2), out[0].Position)

			var parts []string
			total := 0
			for i, b := range out[1:] {
				part := ""
				for j := range b.Changes {
					kind := "o"
					if b.Changes[j].Namespace == s.namespace() {
						kind = "f"
						require.NotEmpty(t, file(t, &b.Changes[j]))
					}
					part += kind
				}
				parts = append(parts, part)
				total += b.Bytes
				want := position(2)
				if i == len(out)-2 {
					want = position(9)
				}
				require.Equal(t, want, b.Position, "only the last part has passed everything")
			}
			require.Equal(t, test.parts, strings.Join(parts, " "))
			require.GreaterOrEqual(t, total, 1000)
			for i, b := range out[1:] {
				require.Zero(t, released, "part %d is still held", i)
				b.Release()
			}
			require.Equal(t, 1, released)
		})
	}
}

func TestLargeFilesAreNotRead(t *testing.T) {
	s := newStore(t, "fs")
	large := s.upload(content(1501))
	// Nothing to read: had it been tried, it would have failed.
	require.NoError(t, s.db.Collection("fs.chunks").Drop(context.Background()))
	fits := s.upload(content(1500))
	var log bytes.Buffer
	out := s.run([]goatee.Change{large, fits}, gridfs.WithMaxFileSize(1500),
		gridfs.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	require.Equal(t, "", file(t, &out[0].Changes[0]))
	require.Equal(t, base64.StdEncoding.EncodeToString(content(1500)), file(t, &out[1].Changes[0]))

	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 1)
	require.Contains(t, lines[0], "larger than the limit")
	require.Contains(t, lines[0], "filename=a.txt bytes=1501 limit=1500")
	require.Contains(t, lines[0], large.ID.ObjectID().Hex())
}

// TestDamagedFilesAreFailedChanges: they harm no others, and the positions are as they would have been.
func TestDamagedFilesAreFailedChanges(t *testing.T) {
	for name, damage := range map[string]struct{ filter, update bson.M }{
		"first chunk gone":  {bson.M{"n": 0}, nil},
		"middle chunk gone": {bson.M{"n": 1}, nil},
		"last chunk gone":   {bson.M{"n": 2}, nil},
		"chunk too long":    {bson.M{"n": 1}, bson.M{"$set": bson.M{"data": content(2000)}}},
		"chunk of text":     {bson.M{"n": 1}, bson.M{"$set": bson.M{"data": "text"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, "fs")
			good, bad := s.upload(content(2500)), s.upload(content(2500))
			s.damage(bad, damage.filter, damage.update)
			for _, changes := range [][]goatee.Change{{*good.Clone(), *bad.Clone()}, {*bad.Clone(), *good.Clone()}} {
				b := goatee.Batch{
					Changes: changes, Position: position(9), Head: position(10).ClusterTime, CaughtUp: true,
					Failed: []goatee.FailedChange{{Err: errors.New("of the inner source")}},
				}
				requireOneFailure(t, s.runBatch(&b), bad.ID)
			}
		})
	}
}

func requireOneFailure(t *testing.T, out []*goatee.Batch, id bson.RawValue) {
	t.Helper()
	require.Len(t, out, 2)
	require.Equal(t, []goatee.Position{position(1), position(9)}, []goatee.Position{out[0].Position, out[1].Position})
	require.Equal(t, []bool{false, true}, []bool{out[0].CaughtUp, out[1].CaughtUp})
	require.Len(t, append(out[0].Changes, out[1].Changes...), 1)
	failed := append(out[0].Failed, out[1].Failed...)
	require.Len(t, failed, 2)
	require.EqualError(t, failed[0].Err, "of the inner source")
	require.Equal(t, id, failed[1].Change.ID)
	require.ErrorContains(t, failed[1].Err, "chunks")
	for _, b := range out {
		require.Equal(t, position(10).ClusterTime, b.Head)
		for i := range b.Changes {
			require.NotEmpty(t, file(t, &b.Changes[i]))
		}
	}
}

// TestFilesThatAreBeingDeleted have no content: their deletes come.
func TestFilesThatAreBeingDeleted(t *testing.T) {
	s := newStore(t, "fs")
	c := s.upload(content(2500))
	_, err := s.db.Collection("fs.files").DeleteOne(t.Context(), bson.M{"_id": c.ID})
	require.NoError(t, err)
	s.damage(c, bson.M{"n": 1}, nil)
	out := s.run([]goatee.Change{c})
	require.Empty(t, out[0].Failed)
	require.Equal(t, "", file(t, &out[0].Changes[0]))
}

// TestViewsThatFailAreFailedChanges: MongoDB refuses to return the chunks of one file.
func TestViewsThatFailAreFailedChanges(t *testing.T) {
	s := newStore(t, "real")
	bad, good := s.upload(content(2500)), s.upload(content(2500))
	_, err := s.db.Collection("real.chunks").UpdateMany(t.Context(), bson.M{"files_id": good.ID}, bson.M{"$set": bson.M{"d": 1}})
	require.NoError(t, err)
	require.NoError(t, s.db.CreateView(t.Context(), "fs.chunks", "real.chunks", mongo.Pipeline{
		{{Key: "$set", Value: bson.M{"q": bson.M{"$divide": bson.A{1, bson.M{"$ifNull": bson.A{"$d", 0}}}}}}}}))
	files := goatee.Namespace{Database: s.db.Name(), Collection: "fs.files"}
	bad.Namespace, good.Namespace = files, files
	out := s.run([]goatee.Change{bad, good})
	require.Len(t, out[0].Failed, 1)
	require.ErrorContains(t, out[0].Failed[0].Err, "divide by zero")
	require.Len(t, out[1].Changes, 1)
}

func TestNewSourceSaysWhatIsWrong(t *testing.T) {
	s := newStore(t, "fs")
	for want, make := range map[string]func() (goatee.Source, error){
		"gridfs.NewSource: the source is nil": func() (goatee.Source, error) { return gridfs.NewSource(nil, s.client) },
		"gridfs.NewSource: the client is nil": func() (goatee.Source, error) { return gridfs.NewSource(inner{}, nil) },
		"gridfs.WithMaxFileSize: 0 bytes":     func() (goatee.Source, error) { return gridfs.NewSource(inner{}, s.client, gridfs.WithMaxFileSize(0)) },
		"gridfs.WithMaxFileSize: 1073741825 bytes": func() (goatee.Source, error) {
			return gridfs.NewSource(inner{}, s.client, gridfs.WithMaxFileSize(1<<30+1))
		},
		"gridfs.WithDownloads: 0 files": func() (goatee.Source, error) { return gridfs.NewSource(inner{}, s.client, gridfs.WithDownloads(0)) },
		"gridfs.WithDownloads: 257 files": func() (goatee.Source, error) {
			return gridfs.NewSource(inner{}, s.client, gridfs.WithDownloads(257))
		},
		"gridfs.WithNamespaces: no namespace": func() (goatee.Source, error) { return gridfs.NewSource(inner{}, s.client, gridfs.WithNamespaces()) },
		`"shop.orders" is not a collection of files`: func() (goatee.Source, error) {
			return gridfs.NewSource(inner{}, s.client, gridfs.WithNamespaces(goatee.Namespace{Database: "shop", Collection: "orders"}))
		},
		"gridfs.WithLogger: the logger is nil": func() (goatee.Source, error) { return gridfs.NewSource(inner{}, s.client, gridfs.WithLogger(nil)) },
	} {
		_, err := make()
		require.ErrorContains(t, err, want)
		var config *goatee.ConfigError
		require.ErrorAs(t, err, &config)
	}
}
