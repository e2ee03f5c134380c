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
	var environ []string
	for name, text := range env {
		environ = append(environ, name+"="+text)
	}
	return Load(args, environ, CommandLine{Out: io.Discard})
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
		"file-namespaces": "a.fs.files",
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
	case name == "index-files":
		return []string{"-file-namespace=x.y.files"}
	case name == "file-namespaces":
		return []string{"-index-files"}
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
			want: []string{"mapping.indx in", "line 3", "table 1", "unknown key", `did you mean "index"?`}},
		{name: "no TOML", toml: "resume = maybe", want: []string{"config.toml", "not valid TOML", "line 1"}},
		{name: "the same key twice", toml: "resume = true\nResume = true", want: []string{"given twice"}},
		{name: "no such file", args: []string{"-f", "no/such.toml"}, want: []string{"-f", "no such file"}},
		{name: "a number for a text", toml: "mongo-url = 5", want: []string{"mongo-url in", "line 1", "want a text"}},
		{name: "a text for a list", toml: `direct-read-namespaces = "a.b"`, want: []string{"direct-read-namespaces", "want a list of texts"}},
		{name: "a text for a number", toml: `elasticsearch-max-conns = "4"`, want: []string{"want a whole number"}},
		{name: "a text for a switch", args: []string{"-resume=perhaps"}, want: []string{"resume in flag -resume", "want true or false"}},
		{name: "namespace without a dot", toml: `direct-read-namespaces = ["shop"]`,
			want: []string{"direct-read-namespaces", `"shop"`, "database.collection"}},
		{name: "empty namespace among others", toml: `direct-read-namespaces = ["", "a.b"]`, want: []string{"direct-read-namespaces", `""`}},
		{name: "stream namespace with an empty part", toml: `change-stream-namespaces = ["shop."]`, want: []string{"change-stream-namespaces"}},
		{name: "stream namespace with a space", toml: `change-stream-namespaces = ["vx.s "]`,
			want: []string{"change-stream-namespaces in", "line 1", `"vx.s "`, "white space"}},
		{name: "stream of goatee's own state", toml: "config-database-name = 'own'\nchange-stream-namespaces = ['own']",
			want: []string{"change-stream-namespaces", "line 2", `"own"`, "never synchronized", "config-database-name"}},
		{name: "direct read of goatee's own state", toml: "direct-read-namespaces = ['monstache.tokens']", want: []string{`"monstache.tokens"`}},
		{name: "stream of MongoDB's own state", toml: "change-stream-namespaces = ['local.oplog.rs']", want: []string{"never synchronized"}},
		{name: "mapping without a dot", toml: "[[mapping]]\nnamespace = \"shop\"\nindex = \"x\"", want: []string{"mapping", "namespace", `"shop"`}},
		{name: "mapping to nothing", toml: "[[mapping]]\nnamespace = \"a.b\"", want: []string{"mapping", "neither index nor pipeline"}},
		{name: "mapping to a bad index", toml: "[[mapping]]\nnamespace = \"a.b\"\nindex = \"a b\"",
			want: []string{"mapping.index in", "line 3", `"a b"`, "Elasticsearch"}},
		{name: "mapping to an index that begins badly", toml: "[[mapping]]\nnamespace = \"a.b\"\nindex = \"_x\"", want: []string{"mapping", `"_x"`}},
		{name: "mapping of both", toml: "[[mapping]]\nnamespace = \"a.b\"\npattern = \"a\"\nindex = \"x\"", want: []string{"mapping", "both"}},
		{name: "mapping of a bad pattern", toml: "[[mapping]]\npattern = \"(\"\nindex = \"x\"", want: []string{"mapping", "pattern", "RE2"}},
		{name: "mapping of a bad template", toml: "[[mapping]]\npattern = \"(.*)\"\nindex = \"a b-$1\"", want: []string{"mapping", "index", "a b"}},
		{name: "relate without a target", toml: "[[relate]]\nnamespace = \"a.b\"", want: []string{"relate", "table 1", "with-namespace"}},
		{name: "relate with an unknown key", toml: "[[relate]]\nnamespace = \"a.b\"\nmatch = \"x\"", want: []string{"relate.match in", "line 3", "unknown key"}},
		{name: "relate with an unknown type", toml: "[[relate]]\nnamespace = \"a.b\"\nwith-namespace = \"a.c\"\nmatch-field-type = \"date\"",
			want: []string{"relate", "match-field-type", "decimal"}},
		{name: "relate with a negative depth", toml: "[[relate]]\nnamespace = \"a.b\"\nwith-namespace = \"a.c\"\nmax-depth = -1",
			want: []string{"relate", "max-depth", "below 0"}},
		{name: "relate that is no table", toml: "relate = 1", want: []string{"[[relate]]"}},
		{name: "files without a collection", toml: "index-files = true", want: []string{"index-files in", "line 1", "file-namespaces is missing"}},
		{name: "files in a bucket without .files", toml: "index-files = true\nfile-namespaces = ['shop.fs']",
			want: []string{"file-namespaces in", "line 2", `"shop.fs"`, "shop.fs.files"}},
		{name: "files in no database", toml: "index-files = true\nfile-namespaces = ['files']", want: []string{"file-namespaces in", "line 2"}},
		{name: "a negative size of files", toml: "max-file-size = -1", want: []string{"max-file-size", "negative"}},
		{name: "top-level setting below a table", toml: "[[mapping]]\nnamespace = 'a.b'\nindex = 'x'\nenable-http-server = true",
			want: []string{"mapping.enable-http-server in", "line 4", "above the first table"}},
		{name: "unknown key of a table without effect", toml: "[logs]\ninfos = 'x'",
			want: []string{"logs.infos in", "line 2", "unknown key", `"info"`}},
		{name: "routing namespace without a dot", args: []string{"-routing-namespace", "shop"}, want: []string{"routing-namespaces", "shop"}},
		{name: "flag not supported yet", args: []string{"-worker", "a"}, want: []string{"worker", "not available yet"}},
		{name: "pattern that matches nothing", toml: `namespace-regex = 'test.^'`, want: []string{"namespace-regex in", "no namespace can match it"}},
		{name: "bad pattern", toml: `namespace-regex = "("`, want: []string{"namespace-regex", "missing closing )", "RE2"}},
		{name: "less than no lanes", toml: "elasticsearch-max-conns = -1", want: []string{"elasticsearch-max-conns", "must not be below 1"}},
		{name: "too many lanes", toml: "elasticsearch-max-conns = 5000", want: []string{"elasticsearch-max-conns", "must not be above 1024"}},
		{name: "negative number", toml: "elasticsearch-max-bytes = -5", want: []string{"elasticsearch-max-bytes", "must not be below"}},
		{name: "negative timestamp", toml: "resume-from-timestamp = -5", want: []string{"resume-from-timestamp", "negative"}},
		{name: "no such strategy", toml: "resume-strategy = 3", want: []string{"resume-strategy", "want one of 0, 1"}},
		{name: "timestamp and tokens", toml: "resume-strategy = 1\nresume-from-timestamp = 5", want: []string{"resume-from-timestamp", "resume-strategy"}},
		{name: "bad duration", toml: `stats-duration = "soon"`, want: []string{"stats-duration", "30s"}},
		{name: "nothing to do", toml: "disable-change-events = true", want: []string{"disable-change-events", "direct-read-namespaces"}},
		{name: "no MongoDB URL", toml: `mongo-url = "db:27017"`, want: []string{"mongo-url", "mongodb://"}},
		{name: "no Elasticsearch URL", toml: `elasticsearch-urls = ["ftp://es:9200"]`, want: []string{"elasticsearch-urls", "es:9200", "http://"}},
		{name: "unknown option of MongoDB", toml: `mongo-url = "mongodb://u:pw@db/?readPreference=nearby"`, want: []string{"mongo-url", "nearby"}},
		{name: "bad database", toml: `config-database-name = "a.b"`, want: []string{"config-database-name", "a.b"}},
		{name: "bad address", toml: `http-server-addr = "8080"`, want: []string{"http-server-addr", ":8080"}},
		{name: "not available yet", toml: "enable-oplog = true", want: []string{"enable-oplog", "not available yet", "line 1"}},
		{name: "table not supported yet", toml: "[[script]]\nscript = \"x\"", want: []string{"script", "not available yet"}},
		{name: "flag not supported yet", args: []string{"-worker", "Tom"}, want: []string{"worker", "not available yet"}},
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

// All that is wrong is said at once, each on a line of its own.
func TestEveryMistakeIsReported(t *testing.T) {
	_, err := load(t, "resme = true\nmongo-url = 5\nenable-oplog = true\n[[mapping]]\nnamespace = 'a'\nindex = 'x'\n[[mapping]]\nindx = 'y'\n"+
		"nmespace = 'a.b'", map[string]string{"MONSTACHE_HTTP_ADDR": "8080"}, "-resume-strategy=7")
	var problems Problems
	require.ErrorAs(t, err, &problems)
	var settings []string
	for _, p := range problems {
		setting, _, _ := strings.Cut(p.Setting, " in ")
		settings = append(settings, setting)
	}
	require.ElementsMatch(t, []string{
		"resme", "mongo-url", "enable-oplog", "mapping.namespace", "mapping.indx", "mapping.nmespace", "http-server-addr", "resume-strategy",
	}, settings)
	for _, line := range []string{"line 1:", "line 2:", "line 3:", "line 5:", "line 8:", "line 9:", "variable MONSTACHE_HTTP_ADDR:", "flag -resume-strategy:"} {
		require.ErrorContains(t, err, line)
	}
	require.Len(t, strings.Split(err.Error(), "\n"), len(problems))
}

// What is wrong by itself is not wrong once more together with others.
func TestAMistakeIsReportedOnce(t *testing.T) {
	_, err := load(t, "disable-change-events = true\ndirect-read-namespaces = 'a.b'", nil)
	var problems Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 1)
}

func TestLinesOfKeysInFilesOfEveryStyle(t *testing.T) {
	l := newLines("f", "# resume = 1\n\"Resume\" = true\nlist = [\n  \"a=b\",\n  'c'\n]\ntext = \"\"\"\nverbose = true\n\"\"\"\nverbose = true\n"+
		"logs.info = 'x'\n[gtm-settings]\nchannel-size = 1\n[[mapping]]\nindex = 1\n  [[ mapping ]]\n  index = 2\n")
	for path, line := range map[string]int{
		"resume": 2, "list": 3, "verbose": 10, "logs": 11, "gtm-settings": 12, "gtm-settings.channel-size": 13,
		"mapping": 14, "mapping[0].index": 15, "mapping[1]": 16, "mapping[1].index": 17,
	} {
		require.Equal(t, line, l.at[path], path)
	}
	require.Equal(t, " in f", l.of("unknown"))
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
	_, err := Load([]string{"-h"}, nil, CommandLine{Out: &out})
	require.ErrorIs(t, err, flag.ErrHelp)
	c := Default()
	for _, o := range options(&c) {
		if !o.tomlOnly {
			require.Contains(t, out.String(), "  -"+o.flagName()+"\n")
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name, toml string
		env        map[string]string
		want       []string // one for each warning
	}{
		{name: "keys without effect", toml: "debug = true\nenable-easy-json = true\n[logs]\ninfo = \"x\"",
			want: []string{"debug in ", "enable-easy-json in ", "logs in "}},
		{name: "statistics", toml: "index-stats = true\nstats-index-format = 'x'", want: []string{"index-stats", "stats-index-format"}},
		{name: "verification of certificates", toml: "mongo-validate-pem-file = false", want: []string{"mongo-validate-pem-file"}},
		{name: "at what they are anyway", toml: "enable-oplog = false\nworkers = []\nworker = ''\nreplay = false\n" +
			"mongo-validate-pem-file = true\n[aws-connect]\nstrategy = 0\naccess-key = ''"},
		{name: "an entry twice", toml: `change-stream-namespaces = ["a", "b.c", "a"]`, want: []string{`change-stream-namespaces in .*line 1 names "a"`}},
		{name: "a mapping twice", toml: "[[mapping]]\nnamespace = 'a.b'\nindex = 'x'\n[[mapping]]\nnamespace = 'a.b'\nindex = 'y'",
			want: []string{`mapping in .*"a.b", the last counts`}},
		{name: "files that are left out", toml: "file-namespaces = ['no namespace']", want: []string{"file-namespaces in .*index-files"}},
		{name: "files", toml: "index-files = true\nfile-namespaces = ['a.fs.files']\nfile-downloaders = 3\nfile-highlighting = true",
			want: []string{"file-highlighting in "}},
		{name: "exit after nothing", toml: "exit-after-direct-reads = true", want: []string{"exit-after-direct-reads in .*no direct reads"}},
		{name: "patterns without discovery", toml: "direct-read-namespaces = ['a.b']\ndirect-read-dynamic-exclude-regex = 'x'",
			want: []string{"direct-read-dynamic-exclude-regex in .*no effect"}},
		{name: "an exclusion that matches nothing", toml: "namespace-exclude-regex = '^admin$'", want: []string{"namespace-exclude-regex .*no namespace"}},
		{name: "a stream that is left out", toml: "change-stream-namespaces = ['a.b']\nnamespace-regex = '^c'", want: []string{`"a.b" .*namespace-regex in`}},
		{name: "a stream that is excluded", toml: "change-stream-namespaces = ['a.b']\nnamespace-exclude-regex = 'b$'", want: []string{`"a.b" .*exclude`}},
		{name: "variables without effect", env: map[string]string{
			"MONSTACHE_AWS_REGION": "eu", "MONSTACHE_LOG_MAX_SIZE": "1", "MONSTACHE_LOG_MAX_AGE": "1", "MONSTACHE_LOG_MAX_BACKUPS": "1",
		}, want: []string{"MONSTACHE_AWS_REGION", "MONSTACHE_LOG_MAX_SIZE", "MONSTACHE_LOG_MAX_AGE", "MONSTACHE_LOG_MAX_BACKUPS"}},
		{name: "unknown variables", env: map[string]string{
			"MONSTACHE_MONGO_ULR": "s3cret", "MONSTACHE_NEW__FILE": "s3cret", "MONSTACHE_SERVICE_HOST": "h", "MONSTACHE_PORT_80_TCP_ADDR": "h",
			"MONSTACHE_EMPTY": "", "OTHER": "x",
		}, want: []string{`MONSTACHE_MONGO_ULR is not known .*did you mean "MONSTACHE_MONGO_URL"`, "MONSTACHE_NEW__FILE"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := load(t, tt.toml, tt.env)
			require.NoError(t, err)
			require.Len(t, c.Warnings, len(tt.want), "%q", c.Warnings)
			for i, want := range tt.want {
				require.Regexp(t, want, c.Warnings[i])
				require.NotContains(t, c.Warnings[i], "s3cret")
			}
		})
	}
}

func TestALaterTableReplacesAnEarlierOne(t *testing.T) {
	c, err := load(t, "direct-read-namespaces = ['a.b', 'a.c', 'a.b']\n[[mapping]]\nnamespace = 'a.b'\nindex = 'x'\n"+
		"[[mapping]]\npattern = 'c'\nindex = 'z'\n[[mapping]]\nnamespace = 'a.b'\nindex = 'y'", nil)
	require.NoError(t, err)
	require.Equal(t, []Mapping{{Pattern: "c", Index: "z"}, {Namespace: "a.b", Index: "y"}}, c.Mappings)
	require.Equal(t, []string{"a.b", "a.c"}, c.DirectReadNamespaces)
}

// As in Monstache, where a key at its zero value counts as not set.
func TestZeroValuesMeanTheDefault(t *testing.T) {
	c := Default()
	var file strings.Builder
	var flags []string
	for _, o := range options(&c) {
		switch o.value.get().(type) {
		case int64:
			if o.name != "pace-milliseconds" { // 0 means something there
				file.WriteString(o.name + " = 0\n")
				flags = append(flags, "-"+o.flagName()+"=0")
			}
		case string:
			file.WriteString(o.name + " = ''\n")
			flags = append(flags, "-"+o.flagName()+"=")
		case []string:
			file.WriteString(o.name + " = []\n")
		}
	}
	byFile, err := load(t, file.String(), nil)
	require.NoError(t, err)
	require.Equal(t, &c, byFile)
	byFlag, err := load(t, "", nil, flags...)
	require.NoError(t, err)
	require.Equal(t, &c, byFlag)

	c.PaceMilliseconds = 0
	byFile, err = load(t, "pace-milliseconds = 0", nil)
	require.NoError(t, err)
	require.Equal(t, &c, byFile)
}

func TestListsInVariablesAreTrimmed(t *testing.T) {
	c, err := load(t, "", map[string]string{"MONSTACHE_DIRECT_READ_NS": " a.b , a.c, "})
	require.NoError(t, err)
	require.Equal(t, []string{"a.b", "a.c"}, c.DirectReadNamespaces)
}

func TestNodesMayBeNamedWithoutAScheme(t *testing.T) {
	for given, want := range map[string][]string{
		`"localhost:9200"`:               {"http://localhost:9200"},
		`"a:9200", "http://b:9200/es"`:   {"http://a:9200", "http://b:9200/es"},
		`"a:9200", "https://b:9200"`:     {"https://a:9200", "https://b:9200"},
		`"[::1]:9200", "127.0.0.1:9200"`: {"http://[::1]:9200", "http://127.0.0.1:9200"},
	} {
		c, err := load(t, "elasticsearch-urls = ["+given+"]", nil)
		require.NoError(t, err)
		require.Equal(t, want, c.ElasticsearchURLs)
	}
}

func TestTypesOfRelatedFieldsInAnyCase(t *testing.T) {
	c, err := load(t, "[[relate]]\nnamespace = 'a.b'\nwith-namespace = 'a.c'\nmatch-field-type = 'objectid'", nil)
	require.NoError(t, err)
	require.Equal(t, "objectId", c.Relates[0].MatchFieldType)
}

func TestPatternsThatCanMatch(t *testing.T) {
	for _, yes := range []string{
		"", "x", "^a", "^shop\\.orders$", "^(?:a|b)\\.", "orders$", "(?i)SHOP", "a.*b", "^", "$", "^.*$", "[a-z]+\\.[a-z]+", `\$cmd`, `^db\.cmd$`,
		"a{3}", `^[^.]+\.c$`, `\bshop\b`, "(^a|^b)", "x?^a", `^a\..b$`,
	} {
		require.True(t, canMatch(yes), yes)
	}
	for _, no := range []string{"test.^", "$a", "^test$", "a$.", "^\\.", "^a\\.$", "(a|b)^", "a$b|c^", "^[a-z]+$", `x\A`, `\zx`} {
		require.False(t, canMatch(no), no)
	}
}

func TestUnavailableVariablesAreRejected(t *testing.T) {
	for _, name := range []string{"MONSTACHE_WORKER", "MONSTACHE_WORKER__FILE"} {
		_, err := load(t, "", map[string]string{name: "Tom"})
		require.ErrorContains(t, err, "MONSTACHE_WORKER")
	}
}

func TestUnavailableKeysAreRejectedByName(t *testing.T) {
	for _, key := range []string{
		"replay = true", "resume-from-earliest-timestamp = true", "disable-delete-protection = true",
		"[aws-connect]\nstrategy = 1", "[elasticsearch-pki-auth]\ncert-file = 'x'",
	} {
		_, err := load(t, key, nil)
		require.ErrorContains(t, err, "not available yet", key)
		require.ErrorContains(t, err, "line 1", key)
	}
}

func TestNoKeyIsDefinedTwice(t *testing.T) {
	c := Default()
	s := newSettings(&c)
	names, flags := map[string]bool{}, map[string]bool{"f": true, "v": true, "version": true, "env-delimiter": true}
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
