package config

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

// load assembles settings from a TOML text, variables and flags.
func load(t *testing.T, toml string, env map[string]string, args ...string) (*Config, error) {
	t.Helper()
	if toml != "" {
		path := filepath.Join(t.TempDir(), "config.toml")
		require.NoError(t, os.WriteFile(path, []byte(toml), 0o600))
		args = append([]string{"-f", path}, args...)
	}
	lookup := func(name string) (string, bool) { text, ok := env[name]; return text, ok }
	return Load(args, lookup, io.Discard)
}

func TestWithoutAnythingTheDefaultsHold(t *testing.T) {
	c, err := load(t, "", nil)
	require.NoError(t, err)
	want := Default()
	require.Equal(t, &want, c)
	require.Equal(t, []string{""}, c.ChangeStreamNamespaces)
}

func TestPrecedence(t *testing.T) {
	const file = `namespace-regex = "file"`
	env := map[string]string{"MONSTACHE_NS_REGEX": "env"}
	for _, tt := range []struct {
		name, toml string
		env        map[string]string
		args       []string
		want       string
	}{
		{"default", "", nil, nil, ""},
		{"file over default", file, nil, nil, "file"},
		{"environment over file", file, env, nil, "env"},
		{"flag over environment", file, env, []string{"-namespace-regex", "flag"}, "flag"},
		{"an empty variable is not set", file, map[string]string{"MONSTACHE_NS_REGEX": ""}, nil, "file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := load(t, tt.toml, tt.env, tt.args...)
			require.NoError(t, err)
			require.Equal(t, tt.want, c.NamespaceRegex)
		})
	}
}

func TestListsReplaceListsOfLowerPrecedence(t *testing.T) {
	c, err := load(t, `direct-read-namespaces = ["file.a"]`, map[string]string{"MONSTACHE_DIRECT_READ_NS": "env.a,env.b"})
	require.NoError(t, err)
	require.Equal(t, []string{"env.a", "env.b"}, c.DirectReadNamespaces)

	c, err = load(t, `direct-read-namespaces = ["file.a"]`, nil, "-direct-read-namespace", "flag.a", "-direct-read-namespace=flag.b")
	require.NoError(t, err)
	require.Equal(t, []string{"flag.a", "flag.b"}, c.DirectReadNamespaces)

	c, err = load(t, "", map[string]string{"MONSTACHE_DIRECT_READ_NS": "a.a;b.b"}, "-env-delimiter", ";")
	require.NoError(t, err)
	require.Equal(t, []string{"a.a", "b.b"}, c.DirectReadNamespaces)
}

func TestSecretsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte("hunter2\n"), 0o600))
	c, err := load(t, "", map[string]string{"MONSTACHE_ES_PASS__FILE": path})
	require.NoError(t, err)
	require.Equal(t, "hunter2", c.ElasticsearchPassword)

	_, err = load(t, "", map[string]string{"MONSTACHE_ES_PASS__FILE": path + ".missing"})
	require.ErrorContains(t, err, "MONSTACHE_ES_PASS__FILE")
}

func TestKeysAreCaseInsensitive(t *testing.T) {
	c, err := load(t, "Mongo-URL = \"mongodb://db\"\nRESUME = true\n[[Mapping]]\nNamespace = \"shop.orders\"\nIndex = \"Orders\"\n", nil)
	require.NoError(t, err)
	require.Equal(t, "mongodb://db", c.MongoURL)
	require.True(t, c.Resume)
	require.Equal(t, []Mapping{{Namespace: "shop.orders", Index: "orders"}}, c.Mappings)
}

func TestBooleansCanBeSwitchedOff(t *testing.T) {
	c, err := load(t, "dropped-databases = false\nresume = true", nil, "-resume=false", "-dropped-collections=false", "-verbose")
	require.NoError(t, err)
	require.False(t, c.DroppedDatabases)
	require.False(t, c.DroppedCollections)
	require.False(t, c.Resume)
	require.True(t, c.Verbose)
}

// Every setting is a TOML key, and a flag unless it is a table; both set the same field.
func TestEveryKeyIsAFlag(t *testing.T) {
	c := Default()
	for _, o := range options(&c) {
		if o.tomlOnly {
			continue
		}
		t.Run(o.name, func(t *testing.T) {
			sample, toml := sampleOf(o)
			byFlag, err := load(t, "", nil, append(prerequisites(o.name), "-"+o.flagName()+"="+sample)...)
			require.NoError(t, err)
			byFile, err := load(t, o.name+" = "+toml, nil, prerequisites(o.name)...)
			require.NoError(t, err)
			require.Equal(t, byFlag, byFile)
			require.NotEqual(t, Default(), *byFlag)
			if o.env == "" {
				return
			}
			byEnv, err := load(t, "", map[string]string{o.env: sample}, prerequisites(o.name)...)
			require.NoError(t, err)
			require.Equal(t, byFlag, byEnv)
		})
	}
}

// sampleOf returns a value that is valid and not the default, as a text and in TOML.
func sampleOf(o option) (text, toml string) {
	special := map[string]string{
		"mongo-url": "mongodb://db/", "elasticsearch-urls": "https://es:9200", "http-server-addr": ":1234",
	}
	text = special[o.name]
	switch v := o.value.get().(type) {
	case bool:
		text = map[bool]string{true: "false", false: "true"}[v]
		return text, text
	case int64:
		text = "1"
		if v == 1 {
			text = "2"
		}
		return text, text
	case []string:
		if text == "" {
			text = "a.b"
		}
		return text, `["` + text + `"]`
	default:
		if o.name == "stats-duration" {
			text = "5s"
		} else if text == "" {
			text = "sample"
		}
		return text, `"` + text + `"`
	}
}

// prerequisites are flags without which a setting makes no sense alone.
func prerequisites(name string) []string {
	switch {
	case strings.HasPrefix(name, "direct-read-dynamic"):
		return []string{"-direct-read-namespace="}
	case name == "disable-change-events" || name == "exit-after-direct-reads":
		return []string{"-direct-read-namespace=x.y"}
	default:
		return nil
	}
}

func TestMistakesNameTheSettingAndTheRemedy(t *testing.T) {
	for _, tt := range []struct {
		name, toml string
		args       []string
		want       []string
	}{
		{name: "unknown key", toml: "resume = true\n\ndirect-read-namespace = [\"a.b\"]",
			want: []string{"direct-read-namespace in ", "line 3", "unknown key", `did you mean "direct-read-namespaces"?`}},
		{name: "unknown table", toml: "[[mappings]]\nnamespace = \"a.b\"", want: []string{"line 1", "unknown key", `"mapping"`}},
		{name: "unknown key of a mapping", toml: "[[mapping]]\nnamespace = \"a.b\"\nindx = \"x\"",
			want: []string{"mapping in", "table 1", `unknown key "indx"`, `did you mean "index"?`}},
		{name: "no TOML", toml: "resume = maybe", want: []string{"config.toml", "no valid TOML", "line 1"}},
		{name: "the same key twice", toml: "resume = true\nResume = true", want: []string{"given twice"}},
		{name: "no such file", args: []string{"-f", "no/such.toml"}, want: []string{"-f", "no such file"}},
		{name: "a number for a text", toml: "mongo-url = 5", want: []string{"mongo-url in", "line 1", "want a text"}},
		{name: "a text for a list", toml: `direct-read-namespaces = "a.b"`, want: []string{"direct-read-namespaces", "want a list of texts"}},
		{name: "a text for a number", toml: `elasticsearch-max-conns = "4"`, want: []string{"want a whole number"}},
		{name: "a text for a switch", args: []string{"-resume=perhaps"}, want: []string{"resume in flag -resume", "want true or false"}},
		{name: "namespace without a dot", toml: `direct-read-namespaces = ["shop"]`,
			want: []string{"direct-read-namespaces", `"shop"`, "database.collection"}},
		{name: "empty namespace among others", toml: `direct-read-namespaces = ["", "a.b"]`, want: []string{"direct-read-namespaces", `""`}},
		{name: "namespace twice", toml: `direct-read-namespaces = ["a.b", "a.b"]`, want: []string{"given twice"}},
		{name: "stream namespace with an empty part", toml: `change-stream-namespaces = ["shop."]`, want: []string{"change-stream-namespaces"}},
		{name: "stream twice", toml: `change-stream-namespaces = ["a", "a"]`, want: []string{"change-stream-namespaces", "given twice"}},
		{name: "mapping without a dot", toml: "[[mapping]]\nnamespace = \"shop\"\nindex = \"x\"", want: []string{"mapping", "namespace", `"shop"`}},
		{name: "mapping to nothing", toml: "[[mapping]]\nnamespace = \"a.b\"", want: []string{"mapping", "neither index nor pipeline"}},
		{name: "mapping to a bad index", toml: "[[mapping]]\nnamespace = \"a.b\"\nindex = \"a b\"",
			want: []string{"mapping", "index", `"a b"`, "Elasticsearch"}},
		{name: "mapping to an index that begins badly", toml: "[[mapping]]\nnamespace = \"a.b\"\nindex = \"_x\"", want: []string{"mapping", `"_x"`}},
		{name: "mapping of both", toml: "[[mapping]]\nnamespace = \"a.b\"\npattern = \"a\"\nindex = \"x\"", want: []string{"mapping", "both"}},
		{name: "mapping of a bad pattern", toml: "[[mapping]]\npattern = \"(\"\nindex = \"x\"", want: []string{"mapping", "pattern", "RE2"}},
		{name: "mapping of a bad template", toml: "[[mapping]]\npattern = \"(.*)\"\nindex = \"a b-$1\"", want: []string{"mapping", "index", "a b"}},
		{name: "relate without a target", toml: "[[relate]]\nnamespace = \"a.b\"", want: []string{"relate", "table 1", "with-namespace"}},
		{name: "relate with an unknown key", toml: "[[relate]]\nnamespace = \"a.b\"\nmatch = \"x\"", want: []string{"relate", `"match"`}},
		{name: "relate with an unknown type", toml: "[[relate]]\nnamespace = \"a.b\"\nwith-namespace = \"a.c\"\nmatch-field-type = \"date\"",
			want: []string{"relate", "match-field-type", "decimal"}},
		{name: "relate with a negative depth", toml: "[[relate]]\nnamespace = \"a.b\"\nwith-namespace = \"a.c\"\nmax-depth = -1",
			want: []string{"relate", "max-depth", "below 0"}},
		{name: "relate that is no table", toml: "relate = 1", want: []string{"[[relate]]"}},
		{name: "mapping twice", toml: "[[mapping]]\nnamespace = \"a.b\"\nindex = \"x\"\n[[mapping]]\nnamespace = \"a.b\"\nindex = \"y\"",
			want: []string{"mapping", `"a.b" is mapped twice`}},
		{name: "routing namespace without a dot", args: []string{"-routing-namespace", "shop"}, want: []string{"routing-namespaces", "shop"}},
		{name: "list flag not supported yet", args: []string{"-time-machine-namespace", "a.b"},
			want: []string{"time-machine-namespaces", "not supported yet"}},
		{name: "empty name", toml: "resume-name = ''", want: []string{"resume-name", "empty"}},
		{name: "bad pattern", toml: `namespace-regex = "("`, want: []string{"namespace-regex", "missing closing )", "RE2"}},
		{name: "no lanes", toml: "elasticsearch-max-conns = 0", want: []string{"elasticsearch-max-conns", "must not be below 1"}},
		{name: "too many lanes", toml: "elasticsearch-max-conns = 5000", want: []string{"elasticsearch-max-conns", "must not be above 1024"}},
		{name: "negative number", toml: "elasticsearch-max-bytes = -5", want: []string{"elasticsearch-max-bytes", "must not be below"}},
		{name: "negative timestamp", toml: "resume-from-timestamp = -5", want: []string{"resume-from-timestamp", "negative"}},
		{name: "no such strategy", toml: "resume-strategy = 3", want: []string{"resume-strategy", "want one of 0, 1"}},
		{name: "timestamp and tokens", toml: "resume-strategy = 1\nresume-from-timestamp = 5", want: []string{"resume-from-timestamp", "resume-strategy"}},
		{name: "bad duration", toml: `stats-duration = "soon"`, want: []string{"stats-duration", "30s"}},
		{name: "nothing to do", toml: "disable-change-events = true", want: []string{"disable-change-events", "direct-read-namespaces"}},
		{name: "exit after nothing", toml: "exit-after-direct-reads = true", want: []string{"exit-after-direct-reads", "direct-read-namespaces"}},
		{name: "patterns without discovery", toml: `direct-read-dynamic-include-regex = "x"`, want: []string{"direct-read-dynamic-include-regex"}},
		{name: "no MongoDB URL", toml: `mongo-url = "db:27017"`, want: []string{"mongo-url", "mongodb://"}},
		{name: "no Elasticsearch URL", toml: `elasticsearch-urls = ["es:9200"]`, want: []string{"elasticsearch-urls", "es:9200", "http://"}},
		{name: "no nodes", toml: `elasticsearch-urls = []`, want: []string{"elasticsearch-urls", "empty"}},
		{name: "bad database", toml: `config-database-name = "a.b"`, want: []string{"config-database-name", "a.b"}},
		{name: "bad address", toml: `http-server-addr = "8080"`, want: []string{"http-server-addr", ":8080"}},
		{name: "not supported yet", toml: "enable-oplog = true", want: []string{"enable-oplog", "not supported yet", "line 1"}},
		{name: "table not supported yet", toml: "[[script]]\nscript = \"x\"", want: []string{"script", "not supported yet"}},
		{name: "flag not supported yet", args: []string{"-worker", "Tom"}, want: []string{"worker", "not supported yet"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := load(t, tt.toml, nil, tt.args...)
			require.Error(t, err)
			var usage *UsageError
			require.NotErrorAs(t, err, &usage)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestConfigErrorsAreTyped(t *testing.T) {
	_, err := load(t, `namespace-regex = "("`, nil)
	var ce *goatee.ConfigError
	require.ErrorAs(t, err, &ce)
	require.Contains(t, ce.Setting, "namespace-regex")
	require.NotEmpty(t, ce.Remedy)
}

func TestACommandLineThatCannotBeRead(t *testing.T) {
	var usage *UsageError
	for _, args := range [][]string{{"-no-such-flag"}, {"-mongo-url"}, {"config.toml"}} {
		_, err := load(t, "", nil, args...)
		require.ErrorAs(t, err, &usage, args)
	}
	_, err := load(t, "", nil, "-mongo-ulr", "x")
	require.ErrorContains(t, err, `did you mean "mongo-url"?`)
	_, err = load(t, "", nil, "-help")
	require.ErrorIs(t, err, flag.ErrHelp)
}

func TestHelpListsEveryFlag(t *testing.T) {
	var out strings.Builder
	_, err := Load([]string{"-h"}, os.LookupEnv, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	c := Default()
	for _, o := range options(&c) {
		if !o.tomlOnly {
			require.Contains(t, out.String(), "  -"+o.flagName()+"\n")
		}
	}
}

func TestKeysWithoutEffectWarn(t *testing.T) {
	c, err := load(t, "debug = true\nenable-easy-json = true\n[logs]\ninfo = \"x\"", nil)
	require.NoError(t, err)
	require.Len(t, c.Warnings, 3)
	require.Contains(t, c.Warnings[0], "debug has no effect in ")
}

func TestUnsupportedKeysAtTheirZeroValueAreFine(t *testing.T) {
	c, err := load(t, "enable-oplog = false\nworkers = []\nworker = \"\"", nil, "-replay=false")
	require.NoError(t, err)
	require.Empty(t, c.Warnings)
}

func TestUnsupportedVariablesAreRefused(t *testing.T) {
	_, err := load(t, "", map[string]string{"MONSTACHE_WORKER": "Tom"})
	require.ErrorContains(t, err, "MONSTACHE_WORKER")
}

func TestNoKeyIsDefinedTwice(t *testing.T) {
	c := Default()
	s := newSettings(&c)
	names, flags := map[string]bool{}, map[string]bool{"f": true, "v": true, "env-delimiter": true}
	for _, o := range s.options {
		require.False(t, names[o.name], o.name)
		require.False(t, flags[o.flagName()], o.name)
		names[o.name], flags[o.flagName()] = true, true
	}
	for _, l := range s.legacy {
		require.False(t, names[l.name], l.name)
		require.False(t, flags[l.flagName()], l.name)
		names[l.name], flags[l.flagName()] = true, true
		require.NotEmpty(t, l.why, l.name)
	}
}

func TestDurations(t *testing.T) {
	c, err := load(t, `stats-duration = "2m"`, nil)
	require.NoError(t, err)
	require.Equal(t, 2*time.Minute, c.StatsDuration)
}
