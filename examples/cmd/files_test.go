package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/gridfs"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee/internal/fakees"
)

const putPipeline = "PUT /_ingest/pipeline/attachment"

// fileStack is a bucket of files and an Elasticsearch that keeps what it is sent.
type fileStack struct {
	*stack
	bucket *gridfs.Bucket
	fake   *fakees.Server
	files  string // the namespace, which is the index too
}

func newFileStack(t *testing.T) *fileStack {
	t.Helper()
	s := newStack(t)
	fake := fakees.New()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	s.url = server.URL
	bucket, err := gridfs.NewBucket(s.db, options.GridFSBucket().SetName("docs"))
	require.NoError(t, err)
	return &fileStack{stack: s, bucket: bucket, fake: fake, files: s.db.Name() + ".docs.files"}
}

func (s *fileStack) upload(id, name, content string) {
	s.t.Helper()
	require.NoError(s.t, s.bucket.UploadFromStreamWithID(id, name, bytes.NewReader([]byte(content))))
}

// waitForFile waits until a document has a field with this value.
func (s *fileStack) waitForFile(id, field, want string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		doc, ok := s.fake.Get(s.files, id)
		return ok && gjson.Get(doc.Source, field).String() == want
	}, waitLimit, waitTick, "%s of %s is %q", field, id, want)
}

// puts counts the pipelines that were put, and requires that nothing was written before the first.
func (s *fileStack) puts() (n int) {
	s.t.Helper()
	for _, r := range s.fake.Requests() {
		if r.Method+" "+r.Path == putPipeline {
			n++
			require.JSONEq(s.t, `{"description":"Extract file information","processors":[{"attachment":{"field":"file"}}]}`, r.Body)
		}
		if strings.HasSuffix(r.Path, "/_bulk") {
			require.NotZero(s.t, n, "the pipeline is put before the first write")
		}
	}
	return n
}

const fileKeys = `
index-files = true
file-namespaces = ["DB.docs.files"]
direct-read-namespaces = ["DB.docs.files"]
change-stream-namespaces = ["DB"]
max-file-size = 10
file-downloaders = 3
`

func TestFilesCarryTheirContent(t *testing.T) {
	s := newFileStack(t)
	s.upload("a", "a.txt", "hello")
	s.upload("large", "large.txt", "hello world")
	s.upload("empty", "empty.txt", "")
	s.insert("orders", bson.M{"_id": 1})
	_, err := s.db.Collection("docs.chunks").DeleteMany(t.Context(), bson.M{"files_id": "large"}) // reading it would fail
	require.NoError(t, err)
	p := start(t, s.config(fileKeys+"index-as-update = true\n[[mapping]]\nnamespace = 'DB.docs.files'\npipeline = 'other'"))

	s.waitForFile("a", "file", "aGVsbG8=")
	s.waitForFile("large", "length", "11")
	s.waitForFile("large", "file", "")
	s.waitForFile("empty", "file", "")
	p.waitLog("level=WARN", "larger than the limit", "filename=large.txt", "bytes=11", "limit=10")
	p.waitLog("listening for events")

	s.upload("live", "live.txt", "later")
	s.waitForFile("live", "file", "bGF0ZXI=")
	require.NoError(t, s.bucket.Rename("a", "b.txt"))
	s.waitForFile("a", "filename", "b.txt")
	s.waitForFile("a", "file", "aGVsbG8=")
	s.insert("orders", bson.M{"_id": 2})
	require.NoError(t, s.bucket.Delete("live"))
	require.Eventually(t, func() bool { _, there := s.fake.Get(s.files, "live"); return !there }, waitLimit, waitTick)
	p.stop()

	require.Equal(t, 1, s.puts())
	require.NotContains(t, s.fake.Indices(), s.db.Name()+".docs.chunks")
	for _, bulk := range s.fake.Bulks() {
		for _, item := range bulk.Items {
			switch {
			case item.Op == "delete":
			case item.Index == s.files:
				require.Equal(t, []string{"index", "attachment"}, []string{item.Op, item.Pipeline}, item.ID)
			default:
				require.Equal(t, []string{"update", ""}, []string{item.Op, item.Pipeline}, item.ID)
			}
		}
	}
	require.NotEmpty(t, p.log.line("summary", "deadLetters=0"))
}

func TestAFileWithoutChunksIsOneDeadLetter(t *testing.T) {
	s := newFileStack(t)
	s.upload("a", "a.txt", "hello")
	s.upload("broken", "broken.txt", "lost")
	s.upload("z", "z.txt", "there")
	_, err := s.db.Collection("docs.chunks").DeleteMany(t.Context(), bson.M{"files_id": "broken"})
	require.NoError(t, err)
	p := start(t, s.config(fileKeys+"exit-after-direct-reads = true"))
	require.Equal(t, exitFailure, p.exit())
	s.waitForFile("a", "file", "aGVsbG8=")
	s.waitForFile("z", "file", "dGhlcmU=")
	require.Equal(t, 1, strings.Count(p.log.String(), "dead letter\""))
	require.NotEmpty(t, p.log.line("dead letter", "broken", "chunks are missing"))
	_, there := s.fake.Get(s.files, "broken")
	require.False(t, there)
}

func TestThePipelineForFilesIsPutOnlyWhenItIsAskedFor(t *testing.T) {
	for name, keys := range map[string]string{
		"without index-files": strings.Replace(fileKeys, "index-files = true", "", 1),
		"disabled":            fileKeys + "disable-file-pipeline-put = true\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := newFileStack(t)
			s.upload("a", "a.txt", "hello")
			p := start(t, s.config(keys+"exit-after-direct-reads = true"))
			require.Equal(t, exitOK, p.exit())
			_, there := s.fake.Get(s.files, "a")
			require.True(t, there)
			for _, r := range s.fake.Requests() {
				require.NotEqual(t, putPipeline, r.Method+" "+r.Path)
			}
		})
	}
}

// Elasticsearch without the plug-in has no processor of this name.
func TestAnElasticsearchWithoutTheAttachmentProcessorIsSaidAtOnce(t *testing.T) {
	s := newStack(t)
	_, err := s.db.Collection("docs.files").InsertOne(context.Background(), bson.M{"_id": 1, "length": 0})
	require.NoError(t, err)
	p := start(t, s.config(fileKeys))
	require.Equal(t, exitFailure, p.exit())
	require.NotEmpty(t, p.log.line("index-files: Elasticsearch refuses", "attachment", "ingest-attachment"), p.log.String())
	require.Empty(t, s.source(s.db.Name()+".docs.files", "1"))
}
