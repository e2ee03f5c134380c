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

func TestErrorsHideSecrets(t *testing.T) {
	for _, args := range [][]string{
		{"-mongo-url", "mongo://joe:s3/cr@et@db"},
		{"-elasticsearch-url", "http://joe:s3/cr@et@es:port"},
		{"-elasticsearch-url", "ftp://joe:s3/cr@et@es"},
	} {
		_, err := load(t, "", nil, args...)
		require.ErrorContains(t, err, "REDACTED")
		require.NotContains(t, err.Error(), "s3")
		require.NotContains(t, err.Error(), "et@")
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
