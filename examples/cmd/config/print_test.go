package config

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/transform/relate"
)

var update = flag.Bool("update", false, "write CONFIG.md anew")

func TestPrintedSettingsCanBeLoadedAgain(t *testing.T) {
	c, err := load(t, "resume = true\ndirect-read-namespaces = [\"a.b\", \"c.d\"]\nnamespace-regex = '^a\\.\"<x>'\n"+
		"[[mapping]]\nnamespace = \"a.b\"\nindex = \"x\"\npipeline = \"p\"\n[[mapping]]\npattern = '(.*)\\.x'\nindex = \"x-$1\"\n"+
		"[[relate]]\nnamespace = \"a.b\"\nwith-namespace = \"a.v\"\n[[relate]]\nnamespace = \"a.c\"\nwith-namespace = \"a.b\"\n"+
		"src-field = \"x.y\"\nmatch-field = \"z\"\nmatch-field-type = \"int\"\ndot-notation = true\nkeep-src = true\nmax-depth = 2", nil)
	require.NoError(t, err)
	require.Len(t, c.Relates, 2)
	require.Equal(t, relate.Relation{
		Namespace: "a.c", WithNamespace: "a.b", SrcField: "x.y", MatchField: "z", MatchFieldType: "int",
		DotNotation: true, KeepSrc: true, MaxDepth: 2,
	}, c.Relates[1])
	var out strings.Builder
	require.NoError(t, c.Print(&out))
	again, err := load(t, out.String(), nil)
	require.NoError(t, err)
	require.Equal(t, c, again)
}

func TestNoSecretIsEverPrinted(t *testing.T) {
	c, err := load(t, "", map[string]string{
		"MONSTACHE_MONGO_URL": "mongodb://joe:s3cret@db/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret&tls=true",
		"MONSTACHE_ES_URLS":   "https://joe:s3cret@es:9200",
		"MONSTACHE_ES_USER":   "s3cret", "MONSTACHE_ES_PASS": "s3cret", "MONSTACHE_ES_API_KEY": "s3cret",
	})
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, c.Print(&out))
	require.NotContains(t, out.String(), "s3cret")
	require.Contains(t, out.String(), `mongo-url = "mongodb://REDACTED@db/?authMechanismProperties=REDACTED&tls=true"`)
	require.Contains(t, out.String(), `elasticsearch-urls = ["https://REDACTED@es:9200"]`)
	require.Contains(t, out.String(), `elasticsearch-api-key = "REDACTED"`)
}

// Whatever is wrong with a URL, nothing that may be a part of a password is repeated.
func TestNothingSecretIsRepeated(t *testing.T) {
	const user, part = "joe", "s3cr"
	for _, tt := range []struct{ key, url, want string }{
		{"mongo-url", "mongo://joe:s3cr/s3cr@s3cr@db", "mongodb://"},
		{"mongo-url", "joe:s3cr3t@db", "mongodb://"},
		{"mongo-url", "joe:s3cr3t", "mongodb://"},
		{"mongo-url", "mongodb://joe:s3cr@s3cr:s3cr/s3cr@db:27017/", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr@s3cr:27017/s3cr@db", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr@s3cr?s3cr@db/", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr/s3cr@db", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr:s3cr@db", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr%zz@db", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr3t", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr3t/admin", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr#s3cr", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr3t@db:port", "percent-encode"},
		{"mongo-url", "mongodb://joe:s3cr3t@db/?tls=maybe", "tls"},
		{"mongo-url", "mongodb+srv://joe:s3cr%zz@db.example.com", "percent-encode"},
		{"mongo-url", "mongodb+srv://joe:s3cr3t@db.example.com/?srvMaxHosts=2&tls=maybe", "tls"},
		{"mongo-url", "mongodb://db/?password=s3cr3t&tls=maybe", "tls"},
		{"mongo-url", "mongodb://db/?authMechanismProperties=s3cr3t", "secret"},
		{"mongo-url", "mongodb://joe:s3cr3t@db/?s3cr3t", "mongo-url"},
		{"elasticsearch-url", "joe:s3cr3t@127.0.0.1:9200", "http://"},
		{"elasticsearch-url", "joe:s3cr3t", "http://"},
		{"elasticsearch-url", "http://joe:s3cr3t", "http://"},
		{"elasticsearch-url", "http://joe:s3cr/s3cr@s3cr@es:port", "percent-encode"},
		{"elasticsearch-url", "http://joe:s3cr#s3cr@es", "percent-encode"},
		{"elasticsearch-url", "http://joe:s3cr@s3cr@es", "percent-encode"},
		{"elasticsearch-url", "http://joe:s3cr:s3cr@es", "percent-encode"},
		{"elasticsearch-url", "http://joe:s3cr%zz@es", "percent-encode"},
		{"elasticsearch-url", "http://joe:s3cr3t@127 0 0 1", "http://"},
		{"elasticsearch-url", "http://es:9200?token=s3cr3t", "http://"},
		{"elasticsearch-url", "ftp://joe:s3cr@es", "http://"},
		{"elasticsearch-url", "HTTP//joe:s3cr@es", "http://"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			_, err := load(t, "", nil, "-"+tt.key, tt.url)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), part)
			require.NotContains(t, strings.ReplaceAll(err.Error(), user+"n", ""), user)
			require.NotContains(t, RedactURL(tt.url), part)
			require.NotContains(t, RedactURL(tt.url), user)
		})
	}
}

func TestUsefulPartsOfURLsAreShown(t *testing.T) {
	for given, want := range map[string]string{
		"mongodb://u:p@a:1,b.c:2/db?replicaSet=rs0&w=majority": "mongodb://REDACTED@a:1,b.c:2/db?replicaSet=rs0&w=majority",
		"mongodb+srv://db.example.com/?appName=x&proxyHost=y":  "mongodb+srv://db.example.com/?appName=x&proxyHost=REDACTED",
		"https://es.example.com:9200/prefix":                   "https://es.example.com:9200/prefix",
		"localhost:9200":                                       "localhost:9200",
		"":                                                     "",
	} {
		require.Equal(t, want, RedactURL(given))
	}
}

func TestGoodURLs(t *testing.T) {
	for _, url := range []string{
		"mongodb://localhost:27017", "mongodb://u:p%40ss@a,b:1/?replicaSet=x", "mongodb://[::1]:27017/", "mongodb+srv://u:p@db.example.com", "mongodb+srv://u:p@db.example.com/?srvMaxHosts=2&w=majority",
		"mongodb://%2Ftmp%2Fmongodb-27017.sock", "mongodb://k:s@db/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:x",
	} {
		require.NoError(t, mongoURL(url), url)
	}
	for _, url := range []string{"http://u:p%40@es:9200", "https://es/prefix", "http://u@es", "es", "[::1]:9200", "http://es_1:9200"} {
		require.NoError(t, elasticsearchURL(url), url)
	}
}

func TestOtherMistakesRepeatNoSecret(t *testing.T) {
	for _, tt := range []struct {
		toml string
		env  map[string]string
		args []string
	}{
		{toml: "elasticsearch-password = s3cr3t"},
		{toml: "elasticsearch-api-key = \"s3cr\n3t\""},
		{toml: "elasticsearch-urls = [\"http://u:s3cr3t@es\" \"x\"]"},
		{toml: "mongo-url = mongodb://u:s3cr3t@db"},
		{toml: "[aws-connect]\naccess-key = 's3cr3t'\nsecret-key = 's3cr3t'"},
		{toml: "elasticsearch-password = ['s3cr3t']"},
		{env: map[string]string{"MONSTACHE_ES_PASS__FILE": "s3cr3t"}},
		{env: map[string]string{"MONSTACHE_AWS_SECRET_KEY": "s3cr3t"}},
		{args: []string{"-elasticsearch-password", "x", "s3cr3t"}},
	} {
		_, err := load(t, tt.toml, tt.env, tt.args...)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cr")
		require.NotContains(t, err.Error(), "found 's'")
	}
}

// CONFIG.md is the table: go test ./cmd/config -update writes it.
func TestDocumentationIsTheTable(t *testing.T) {
	const path, mark = "../CONFIG.md", "<!-- settings -->\n"
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(content), mark)
	require.True(t, ok)
	_, tail, ok := strings.Cut(rest, mark)
	require.True(t, ok)
	var table strings.Builder
	require.NoError(t, Markdown(&table))
	want := head + mark + "\n" + table.String() + "\n" + mark + tail
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(content))
}
