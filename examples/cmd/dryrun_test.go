package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// subcommand runs a subcommand with a TOML file and returns what it printed.
func subcommand(t *testing.T, name, toml string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	require.NoError(t, os.WriteFile(file, []byte(toml), 0o600))
	var out, log bytes.Buffer
	code = run(append([]string{name, "-f", file}, args...), nil, &out, &log)
	return code, out.String(), log.String()
}

func TestDryRunPrintsWhatWouldBeWritten(t *testing.T) {
	s := newStack(t)
	s.insert("a", bson.M{"_id": 1, "price": 30.0})
	s.insert("b", bson.M{"_id": "x", "n": 2})
	s.insert("left", bson.M{"_id": 9})
	toml := s.config("change-stream-namespaces = ['DB.a', 'DB.b']\nshort-doubles = true\n" +
		"[[mapping]]\nnamespace = 'DB.b'\nindex = 'DB.other'")

	code, out, log := subcommand(t, "dry-run", toml)

	require.Zero(t, code, log)
	require.Equal(t, 4, strings.Count(out, "\n"), "an action and a document for each of two documents: %s", out)
	require.Contains(t, out, `{"index":{"_index":"`+s.db.Name()+`.a","_id":"1",`)
	require.Contains(t, out, `{"price":30}`+"\n")
	require.Contains(t, out, `{"index":{"_index":"`+s.db.Name()+`.other","_id":"x",`)
	require.Contains(t, out, `{"n":2}`+"\n")
	require.Empty(t, s.source(s.db.Name()+".a", "1"), "nothing is written")
	names, err := s.db.Client().ListDatabaseNames(t.Context(), bson.M{"name": s.stateDB()})
	require.NoError(t, err)
	require.Empty(t, names, "nor to MongoDB")
}

func TestDryRunStopsAtItsLimit(t *testing.T) {
	s := newStack(t)
	for i := range 20 {
		s.insert("a", bson.M{"_id": i})
	}
	s.insert("b", bson.M{"_id": 1})
	code, out, log := subcommand(t, "dry-run", s.config("direct-read-namespaces = ['DB.a', 'DB.b']"), "-limit", "5")
	require.Zero(t, code, log)
	require.Equal(t, 10, strings.Count(out, "\n"), out)
}

func TestDryRunNamesWhatWouldBeRefused(t *testing.T) {
	s := newStack(t)
	s.insert("a", bson.M{"_id": 1}, bson.M{"_id": strings.Repeat("long", 200)}, bson.M{"_id": 3})
	code, out, log := subcommand(t, "dry-run", s.config("direct-read-namespaces = ['DB.a']"))
	require.Equal(t, exitFailure, code)
	require.Equal(t, 4, strings.Count(out, "\n"), "the others are printed: %s", out)
	require.Contains(t, log, "would be refused")
	require.Contains(t, log, "512 bytes")
	require.Less(t, len(log), 2000, "the id is cut")
}

func TestDryRunRefusesMisuse(t *testing.T) {
	s := newStack(t)
	code, out, log := subcommand(t, "dry-run", s.config("change-stream-namespaces = ['DB.none']"))
	require.Equal(t, exitFailure, code)
	require.Empty(t, out)
	require.Contains(t, log, "there is no collection to read")
	code, _, log = subcommand(t, "dry-run", s.config(""), "-limit", "-1")
	require.Equal(t, exitFailure, code)
	require.Contains(t, log, "limit")
}
