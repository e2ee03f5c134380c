package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// stack is both ends with a database of the test's own.
type stack struct {
	t     *testing.T
	mongo *testservers.Mongo
	url   string
	es    *elasticsearch.Client
	db    *mongo.Database
}

func newStack(t *testing.T) *stack {
	t.Helper()
	m, e := testservers.MongoDB(t), testservers.Elasticsearch(t)
	s := &stack{t: t, mongo: m, url: e.URL(), es: e.Client(t)}
	s.db = m.Client(t).Database(m.UniqueDB(t))
	e.DropIndices(t, s.db.Name())
	t.Cleanup(func() { require.NoError(t, s.db.Client().Database(s.stateDB()).Drop(context.Background())) })
	return s
}

func (s *stack) stateDB() string { return s.db.Name() + "_state" }

// config is a TOML file for the servers, followed by more keys, in which DB stands for the database.
func (s *stack) config(more string) string {
	return fmt.Sprintf("mongo-url = %q\nelasticsearch-urls = [%q]\nconfig-database-name = %q\n", s.mongo.URI(), s.url, s.stateDB()) +
		strings.ReplaceAll(more, "DB", s.db.Name())
}

func (s *stack) insert(collection string, docs ...any) {
	s.t.Helper()
	_, err := s.db.Collection(collection).InsertMany(s.t.Context(), docs)
	require.NoError(s.t, err)
}

// source returns a document of an index, "" when there is none.
func (s *stack) source(index, id string) string {
	res, err := s.es.Get(index, id)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return gjson.GetBytes(body, "_source").Raw
}

func (s *stack) waitFor(index, id, want string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.source(index, id) == want }, waitLimit, waitTick, "%s/%s = %s", index, id, want)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { require.NoError(t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestExistingAndNewDocumentsArriveAndARestartGoesOn(t *testing.T) {
	s := newStack(t)
	s.insert("orders", bson.M{"_id": 1, "state": "old"})
	s.insert("people", bson.M{"_id": "ann", "age": 30})
	toml := s.config(`
direct-read-namespaces = ["DB.orders", "DB.people"]
change-stream-namespaces = ["DB"]
resume = true
[[mapping]]
namespace = "DB.orders"
index = "DB.renamed"
`)
	orders, people := s.db.Name()+".renamed", s.db.Name()+".people"
	p := start(t, toml)
	s.waitFor(orders, "1", `{"state":"old"}`)
	s.waitFor(people, "ann", `{"age":30}`)
	p.waitLog("listening for events")
	p.waitLog("direct reads completed", "documents=2")

	s.insert("orders", bson.M{"_id": 2, "state": "new"})
	_, err := s.db.Collection("people").UpdateByID(t.Context(), "ann", bson.M{"$inc": bson.M{"age": 1}})
	require.NoError(t, err)
	_, err = s.db.Collection("orders").DeleteOne(t.Context(), bson.M{"_id": 1})
	require.NoError(t, err)
	s.waitFor(orders, "2", `{"state":"new"}`)
	s.waitFor(people, "ann", `{"age":31}`)
	s.waitFor(orders, "1", "")
	p.stop()
	require.NotEmpty(t, p.log.line("summary", "deleted=1", "deadLetters=0"))

	s.insert("orders", bson.M{"_id": 3, "state": "while it was down"})
	again := start(t, strings.Replace(toml, "direct-read-namespaces", "#", 1))
	s.waitFor(orders, "3", `{"state":"while it was down"}`)
	again.stop()
}

func TestWithoutResumeAStartFollowsChangesFromNowOn(t *testing.T) {
	s := newStack(t)
	s.insert("a", bson.M{"_id": "before"})
	s.insert("other", bson.M{"_id": 1}) // a start is at the last write, and includes it
	p := start(t, s.config(`change-stream-namespaces = ["DB.a"]`))
	p.waitLog("listening for events")
	s.insert("a", bson.M{"_id": "after"})
	s.waitFor(s.db.Name()+".a", "after", "{}")
	p.stop()
	require.Empty(t, s.source(s.db.Name()+".a", "before"))
	names, err := s.db.Client().ListDatabaseNames(t.Context(), bson.M{"name": s.stateDB()})
	require.NoError(t, err)
	require.Empty(t, names, "nothing is stored")
}

func TestTheWholeDeploymentWithoutItsStateDatabase(t *testing.T) {
	s := newStack(t)
	p := start(t, s.config("resume = true\nnamespace-regex = '^DB'\nnamespace-exclude-regex = '\\.secret$'"))
	p.waitLog("listening for events")
	s.insert("secret", bson.M{"_id": 1})
	s.insert("a", bson.M{"_id": 1})
	s.waitFor(s.db.Name()+".a", "1", "{}")
	p.waitLog("listening for events")
	require.Eventually(t, func() bool { // positions have been stored, which the stream itself sees
		n, err := s.db.Client().Database(s.stateDB()).Collection("monstache").CountDocuments(t.Context(), bson.M{})
		return err == nil && n == 1
	}, waitLimit, waitTick)
	p.stop()
	require.Empty(t, s.source(s.db.Name()+".secret", "1"))
	require.Empty(t, s.source(s.stateDB()+".monstache", "default"))
}

func TestExitAfterDirectReadsOfWhateverThereIs(t *testing.T) {
	s := newStack(t)
	for i := range 50 {
		s.insert(fmt.Sprintf("c%d", i%5), bson.M{"_id": i, "i": i})
	}
	s.insert("hidden", bson.M{"_id": 1})
	p := start(t, s.config(`
direct-read-namespaces = [""]
direct-read-dynamic-include-regex = '^DB\.'
direct-read-dynamic-exclude-regex = 'hidden'
direct-read-concur = 2
direct-read-split-max = -1
direct-read-stateful = true
disable-change-events = true
exit-after-direct-reads = true
`))
	require.Equal(t, exitOK, p.exit())
	for i := range 50 {
		require.JSONEq(t, fmt.Sprintf(`{"i":%d}`, i), s.source(fmt.Sprintf("%s.c%d", s.db.Name(), i%5), fmt.Sprint(i)))
	}
	require.Empty(t, s.source(s.db.Name()+".hidden", "1"))
	var state struct{ NS []string }
	err := s.db.Client().Database(s.stateDB()).Collection("directreads").FindOne(t.Context(), bson.M{"_id": "default"}).Decode(&state)
	require.NoError(t, err)
	require.Len(t, state.NS, 5)
}

func TestARefusedDocumentIsReportedOnceAndHarmsNoOther(t *testing.T) {
	s := newStack(t)
	s.index(s.db.Name()+".a", "0", `{"n":0}`) // n is a number from now on, whichever document comes first
	s.insert("a", bson.M{"_id": 1, "n": 1}, bson.M{"_id": 2, "n": "no number"}, bson.M{"_id": 3, "n": 3})
	p := start(t, s.config("direct-read-namespaces = ['DB.a']\nexit-after-direct-reads = true"))
	require.Equal(t, exitFailure, p.exit(), "not everything that was read is in Elasticsearch")
	require.NotEmpty(t, p.log.line("stopped", "documents were refused"))
	require.NotEmpty(t, p.log.line("level=ERROR", "direct reads ended", "documents=2", "refusedDocuments=1"))
	require.Empty(t, p.log.line("direct reads completed"))
	require.JSONEq(t, `{"n":3}`, s.source(s.db.Name()+".a", "3"))
	require.NotEmpty(t, p.log.line("level=ERROR", "dead letter", s.db.Name()+".a", "mapper_parsing_exception"))
	require.Equal(t, 1, strings.Count(p.log.String(), "dead letter\""))
}

func TestHTTPEndpoints(t *testing.T) {
	s := newStack(t)
	address := freeAddress(t)
	p := start(t, s.config("change-stream-namespaces = ['DB']\nenable-http-server = true\npprof = true\nresume-name = 'x'"),
		"-http-server-addr", address)
	base := "http://" + address
	require.Eventually(t, func() bool { code, _ := get(t, base+"/ready"); return code == http.StatusOK }, waitLimit, waitTick)

	code, body := get(t, base+"/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "ok", body)

	_, body = get(t, base+"/started")
	_, err := time.ParseDuration(body)
	require.NoError(t, err)

	s.insert("a", bson.M{"_id": 1})
	s.waitFor(s.db.Name()+".a", "1", "{}")
	require.Eventually(t, func() bool {
		_, body = get(t, base+"/stats")
		return gjson.Get(body, "sink.indexed").Int() == 1 && gjson.Get(body, "applied").Int() == 1
	}, waitLimit, waitTick)
	require.True(t, json.Valid([]byte(body)))
	require.Contains(t, body, "\n    \"applied\"")

	_, body = get(t, base+"/instance")
	require.True(t, gjson.Get(body, "enabled").Bool(), body)
	require.Equal(t, "x", gjson.Get(body, "resumeName").String())
	require.EqualValues(t, p.cmd.Process.Pid, gjson.Get(body, "pid").Int())
	require.NotZero(t, gjson.Get(body, "lastTs.T").Int())
	require.Equal(t, time.Unix(gjson.Get(body, "lastTs.T").Int(), 0).UTC().Format("2006-01-02T15:04:05"),
		gjson.Get(body, "lastTsFormat").String())

	code, _ = get(t, base+"/debug/pprof/cmdline")
	require.Equal(t, http.StatusOK, code)
	p.stop()
}

func TestALaterSignalEndsAtOnce(t *testing.T) {
	s := newStack(t)
	fake := fakees.New()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	p := start(t, s.config("direct-read-namespaces = ['DB.a']"), "-elasticsearch-url", server.URL)
	p.waitLog("listening for events")
	refuse := fakees.Fault{Status: http.StatusServiceUnavailable}
	for range 1000 {
		fake.FailNext(refuse)
	}
	s.insert("a", bson.M{"_id": 1})
	p.waitLog("level=WARN", "elasticsearch", "retrying")
	p.signal(syscall.SIGTERM)
	p.waitLog("stopping: ")
	p.signal(syscall.SIGINT)
	p.waitLog("taken for the same request")
	require.Eventually(t, func() bool { // a second after the first signal
		_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended
		return p.log.line("level=ERROR", "stopped at once") != ""
	}, waitLimit, waitTick)
	require.Equal(t, exitFailure, p.exit())
	require.Empty(t, fake.Indices())
}

// As service managers do that signal a process and its group.
func TestTwoSignalsAMomentApartAreOneRequest(t *testing.T) {
	s := newStack(t)
	fake := fakees.New()
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	p := start(t, s.config("change-stream-namespaces = ['DB.a']\nresume = true"), "-elasticsearch-url", server.URL)
	p.waitLog("listening for events")
	for range 4 { // so that writing what has been read takes a while
		fake.FailNext(fakees.Fault{Status: http.StatusServiceUnavailable})
	}
	s.insert("a", bson.M{"_id": 1})
	p.waitLog("level=WARN", "elasticsearch", "retrying")
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGINT)
	require.Equal(t, exitOK, p.exit())
	require.NotEmpty(t, p.log.line("position stored", s.db.Name()+".a"))
	require.NotEmpty(t, fake.Indices())
}

func TestBadInputEndsWithinSecondsAndWritesNothing(t *testing.T) {
	s := newStack(t)
	auth := testservers.MongoDB(t, testservers.Auth("joe", "s3cret"))
	standalone := testservers.MongoDB(t, testservers.Standalone())
	taken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(taken.Close)
	unauthorized := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(unauthorized.Close)
	s.insert("a", bson.M{"_id": 1})

	for _, tt := range []struct {
		name string
		args []string
		want []string
	}{
		{"MongoDB cannot be reached", []string{"-mongo-url", "mongodb://joe:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=500"},
			[]string{"mongo-url", "127.0.0.1:1"}},
		{"malformed connection string", []string{"-mongo-url", "mongodb://joe:s3cret@127.0.0.1:port/"}, []string{"mongo-url"}},
		{"wrong password", []string{"-mongo-url", strings.Replace(auth.URI(), "s3cret", "s3cret.", 1)}, []string{"mongo-url"}},
		{"a standalone mongod", []string{"-mongo-url", standalone.URI()}, []string{"mongo-url: the server is a standalone", "--replSet"}},
		{"Elasticsearch without a scheme", []string{"-elasticsearch-url", "joe:s3cret@127.0.0.1:9200"}, []string{"elasticsearch-urls", "http://"}},
		{"a password that is not encoded", []string{"-mongo-url", "mongodb://joe:s3cret@s3cret:27017/s3cret@127.0.0.1"}, []string{"percent-encode"}},
		{"Elasticsearch cannot be reached", []string{"-elasticsearch-url", "http://joe:s3cret@127.0.0.1:1"},
			[]string{"elasticsearch-urls", "127.0.0.1:1"}},
		{"wrong Elasticsearch password", []string{"-elasticsearch-url", unauthorized.URL}, []string{"elasticsearch-user", "401"}},
		{"not Elasticsearch", []string{"-elasticsearch-url", taken.URL}, []string{"elasticsearch-urls"}},
		{"no such PEM file", []string{"-elasticsearch-pem-file", "no/such.pem"}, []string{"elasticsearch-pem-file"}},
		{"the address is taken", []string{"-enable-http-server", "-http-server-addr", taken.Listener.Addr().String()},
			[]string{"http-server-addr", "address already in use"}},
		{"unknown key", []string{"-f", "CONFIG.md"}, []string{"-f CONFIG.md"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{
				"-mongo-url", s.mongo.URI(), "-elasticsearch-url", s.url, "-config-database-name", s.stateDB(), "-resume",
				"-direct-read-namespace", s.db.Name() + ".a", "-change-stream-namespace", s.db.Name(),
			}, tt.args...)
			if tt.args[0] == "-elasticsearch-url" {
				args = append(args[:2], args[4:]...) // a list's flags add up
			}
			p := startArgs(t, args...)
			require.Equal(t, exitFailure, p.exit())
			for _, want := range tt.want {
				require.NotEmpty(t, p.log.line(want), "%q in:\n%s", want, p.log.String())
			}
			require.NotContains(t, p.log.String(), "s3cret")
			names, err := s.db.Client().ListDatabaseNames(t.Context(), bson.M{"name": s.stateDB()})
			require.NoError(t, err)
			require.Empty(t, names)
			require.Empty(t, s.source(s.db.Name()+".a", "1"))
		})
	}
}

func TestAnUnknownFlagIsAnErrorOfUse(t *testing.T) {
	p := startArgs(t, "-elasticsearch-urls", "http://es")
	require.Equal(t, exitUsage, p.exit())
	require.NotEmpty(t, p.log.line(`did you mean "elasticsearch-url"?`))
}

func TestEveryMistakeHasALineOfItsOwn(t *testing.T) {
	p := startArgs(t, "-mongo-url", "db", "-resume-strategy", "5", "-enable-oplog")
	require.Equal(t, exitFailure, p.exit())
	for _, key := range []string{"mongo-url", "resume-strategy", "enable-oplog"} {
		require.NotEmpty(t, p.log.line("goatee: "+key+" in flag -"+key))
	}
}

func TestDirectReadsOfAStandaloneServer(t *testing.T) {
	s := newStack(t)
	standalone := testservers.MongoDB(t, testservers.Standalone())
	_, err := standalone.Client(t).Database(s.db.Name()).Collection("a").InsertOne(t.Context(), bson.M{"_id": 1, "n": 1})
	require.NoError(t, err)
	p := start(t, s.config("direct-read-namespaces = ['DB.a']\nexit-after-direct-reads = true\ndisable-change-events = true"),
		"-mongo-url", standalone.URI())
	require.Equal(t, exitOK, p.exit())
	require.JSONEq(t, `{"n":1}`, s.source(s.db.Name()+".a", "1"))
	require.NotEmpty(t, p.log.line("direct reads completed", "documents=1"))
}

func TestAReadThatFailsIsNotComplete(t *testing.T) {
	s := newStack(t)
	s.insert("a", bson.M{"_id": 1})
	p := start(t, s.config("direct-read-namespaces = ['DB.a', 'DB.missing']\nexit-after-direct-reads = true"))
	require.Equal(t, exitFailure, p.exit())
	require.NotEmpty(t, p.log.line("level=ERROR", "direct reads ended", "documents=1", "failedReads=1"))
	require.NotEmpty(t, p.log.line("level=ERROR", "stopped", "direct-read-namespaces", "no such collection"))
	require.Empty(t, p.log.line("direct reads completed"))
	require.Equal(t, "{}", s.source(s.db.Name()+".a", "1"))
}

func TestPrintoutsEndWithSuccess(t *testing.T) {
	for _, arg := range []string{"-help", "-v", "-version", "-print-config"} {
		p := startArgs(t, arg)
		require.Equal(t, exitOK, p.exit())
		require.NotEmpty(t, p.log.String())
	}
}
