package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// Killed at any moment the daemon writes some changes again, in batches that are cut otherwise: each has one entry still.
func TestAHistoryHasNeitherGapsNorDuplicatesAfterKills(t *testing.T) {
	s := newStack(t)
	require.NoError(t, s.db.CreateCollection(t.Context(), "a"))
	toml := s.config("change-stream-namespaces = ['DB.a']\ntime-machine-namespaces = ['DB.a']\ntime-machine-index-prefix = 'DB.log'\n" +
		"resume = true\nelasticsearch-max-docs = 3\nindex-as-update = true")
	p := start(t, toml)
	p.waitLog("listening for events")
	a := s.db.Collection("a")
	s.insert("a", bson.M{"_id": "joe"})
	changes := 1
	set := func(ctx mongo.SessionContext) {
		changes++
		_, err := a.UpdateByID(ctx, "joe", bson.M{"$set": bson.M{"n": changes}})
		require.NoError(t, err)
	}
	require.NoError(t, s.db.Client().UseSession(t.Context(), func(ctx mongo.SessionContext) error {
		for round := range 4 {
			for range 20 + 10*round {
				set(ctx)
			}
			_, err := ctx.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
				for range 5 {
					set(ctx)
				}
				return nil, nil
			})
			require.NoError(t, err)
			p.signal(syscall.SIGKILL)
			p.exit()
			for range 5 {
				set(ctx)
			}
			p = start(t, toml)
		}
		return nil
	}))
	s.waitFor(s.db.Name()+".a", "joe", fmt.Sprintf(`{"n":%d}`, changes))
	p.stop()
	require.Len(t, s.everyEntry("joe"), changes)
}

// everyEntry asks for all entries of a document by the subcommand.
func (s *stack) everyEntry(id string) []string {
	s.t.Helper()
	code, out, log := subcommand(s.t, "history", s.config("time-machine-index-prefix = 'DB.log'"), "-namespace", s.db.Name()+".a", "-id", id)
	require.Zero(s.t, code, log)
	return lines(out)
}

func lines(out string) []string { return strings.Split(strings.TrimSuffix(out, "\n"), "\n") }
