package recipes_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/resume"
	"github.com/goatee-sync/goatee/sink"
	"github.com/goatee-sync/goatee/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kitchen is both servers, with a database and a prefix of indices of the test's own.
type kitchen struct {
	t    *testing.T
	db   *mongo.Database
	name string // of the database, and what index names begin with
	es   *elasticsearch.Client
}

func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	t.Parallel()
	m, e := testservers.MongoDB(t), testservers.Elasticsearch(t)
	name := m.UniqueDB(t)
	e.DropIndices(t, name)
	return &kitchen{t: t, db: m.Client(t).Database(name), name: name, es: e.Client(t)}
}

// recipe is what a test tries. Zero values mean: the changes of the whole database, as they are.
type recipe struct {
	stream      []source.Option
	relate      func(goatee.Source) (goatee.Source, error)
	read        string // a collection or view that is read at the start
	readOptions []source.Option
	transformer goatee.Transformer
	sink        func(*sink.Bulk) (goatee.Sink, error)
	before      func() // makes changes before the Syncer runs, which it therefore reads at once
}

// follow runs a Syncer that brings every change from now on. stop has it write what it has read, and checks that nothing was
// refused.
func (k *kitchen) follow(r recipe) (stop func()) {
	k.t.Helper()
	var refused []error
	var mu sync.Mutex
	opts := append(k.sources(r), goatee.WithSink(k.sink(r)), goatee.WithDeadLetter(func(_ context.Context, l goatee.DeadLetter) error {
		mu.Lock()
		defer mu.Unlock()
		refused = append(refused, l.Err)
		return nil
	}))
	if r.transformer != nil {
		opts = append(opts, goatee.WithTransformer(r.transformer))
	}
	s, err := goatee.New(opts...)
	require.NoError(k.t, err)
	if r.before != nil {
		r.before()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(k.t, <-ended)
		require.Empty(k.t, refused)
	}
	k.t.Cleanup(stop)
	return stop
}

// sources makes the change stream, which starts now and not only when it has been opened, and the direct read.
func (k *kitchen) sources(r recipe) []goatee.Option {
	k.t.Helper()
	stream, err := source.NewChangeStream(k.db.Client(), k.name, append(r.stream, source.WithMaxAwait(50*time.Millisecond))...)
	require.NoError(k.t, err)
	from, err := stream.Start(k.t.Context())
	require.NoError(k.t, err)
	positions := resume.NewMemory()
	require.NoError(k.t, positions.Save(k.t.Context(), goatee.Fence(0), []goatee.SourcePosition{{SourceID: goatee.Identify(stream), Position: from}}))
	var src goatee.Source = stream
	if r.relate != nil {
		src, err = r.relate(src)
		require.NoError(k.t, err)
	}
	opts := []goatee.Option{goatee.WithSource(src), goatee.WithPositions(positions)}
	if r.read != "" {
		read, err := source.NewDirectRead(k.db.Client(), k.name+"."+r.read, r.readOptions...)
		require.NoError(k.t, err)
		opts = append(opts, goatee.WithSource(read))
	}
	return opts
}

func (k *kitchen) sink(r recipe) goatee.Sink {
	k.t.Helper()
	bulk, err := sink.NewBulk(k.es)
	require.NoError(k.t, err)
	if r.sink == nil {
		return bulk
	}
	s, err := r.sink(bulk)
	require.NoError(k.t, err)
	return s
}

func (k *kitchen) finder() *source.Finder {
	k.t.Helper()
	f, err := source.NewFinder(k.db.Client())
	require.NoError(k.t, err)
	return f
}

func (k *kitchen) insert(collection string, docs ...any) {
	k.t.Helper()
	_, err := k.db.Collection(collection).InsertMany(k.t.Context(), docs)
	require.NoError(k.t, err)
}

func (k *kitchen) update(collection string, id, update any) {
	k.t.Helper()
	res, err := k.db.Collection(collection).UpdateByID(k.t.Context(), id, update)
	require.NoError(k.t, err)
	require.EqualValues(k.t, 1, res.MatchedCount)
}

func (k *kitchen) delete(collection string, id any) {
	k.t.Helper()
	res, err := k.db.Collection(collection).DeleteOne(k.t.Context(), bson.M{"_id": id})
	require.NoError(k.t, err)
	require.EqualValues(k.t, 1, res.DeletedCount)
}

// createIndex makes an index whose name begins with the kitchen's.
func (k *kitchen) createIndex(index, body string) {
	k.t.Helper()
	status, answer := k.ask(http.MethodPut, "/"+k.name+index, body)
	require.Equal(k.t, http.StatusOK, status, answer)
}

// ask sends Elasticsearch a request.
func (k *kitchen) ask(method, path, body string) (status int, answer string) {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), method, path, strings.NewReader(body))
	require.NoError(k.t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := k.es.Perform(req)
	require.NoError(k.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(k.t, err)
	return res.StatusCode, string(text)
}

// search refreshes the index and returns Elasticsearch's answer to a query; "" while there is no such index.
func (k *kitchen) search(index, parameters, query string) string {
	k.t.Helper()
	if status, _ := k.ask(http.MethodPost, "/"+k.name+index+"/_refresh", ""); status == http.StatusNotFound {
		return ""
	}
	status, answer := k.ask(http.MethodPost, "/"+k.name+index+"/_search?size=100&"+parameters, `{"query": `+query+`}`)
	if status == http.StatusServiceUnavailable {
		return "" // the shards of a new index
	}
	require.Equal(k.t, http.StatusOK, status, answer)
	return answer
}

const everything = `{"match_all": {}}`

// found returns the documents that a search finds, by id.
func (k *kitchen) found(index, parameters, query string) map[string]string {
	k.t.Helper()
	docs := map[string]string{}
	for _, hit := range gjson.Get(k.search(index, parameters, query), "hits.hits").Array() {
		docs[hit.Get("_id").String()] = hit.Get("_source").Raw
	}
	return docs
}

// finds waits until a search finds these documents, no more and no others. Their JSON is compared as text: goatee keeps
// the order of fields.
func (k *kitchen) finds(index, query string, want map[string]string) {
	k.t.Helper()
	var got map[string]string
	defer func() {
		if k.t.Failed() {
			k.t.Logf("%s%s holds %v", k.name, index, got)
		}
	}()
	require.Eventually(k.t, func() bool {
		got = k.found(index, "", query)
		return len(got) == len(want) && holdsAll(got, want)
	}, time.Minute, 20*time.Millisecond, "%s%s finds %v", k.name, index, want)
}

func (k *kitchen) holds(index string, want map[string]string) {
	k.t.Helper()
	k.finds(index, everything, want)
}

func holdsAll(got, want map[string]string) bool {
	for id, doc := range want {
		if got[id] != doc {
			return false
		}
	}
	return true
}
