package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// history asks for the entries of one document, the oldest first, and for the number of shards that were asked.
func (s *stack) history(indices, id string) (entries []gjson.Result, shards int64) {
	s.t.Helper()
	res, err := s.es.Indices.Refresh(s.es.Indices.Refresh.WithIndex(indices))
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	res, err = s.es.Search(
		s.es.Search.WithIndex(indices), s.es.Search.WithRouting(id), s.es.Search.WithSize(100),
		s.es.Search.WithSort("_at.T", "_at.I", "_seq_no"),
		s.es.Search.WithBody(strings.NewReader(`{"query": {"term": {"_source_id.keyword": "`+id+`"}}}`)),
	)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return gjson.GetBytes(body, "hits.hits.#._source").Array(), gjson.GetBytes(body, "_shards.total").Int()
}

func TestTheHistoryOfADocument(t *testing.T) {
	s := newStack(t)
	prefix := s.db.Name()
	res, err := s.es.Indices.PutTemplate(prefix, strings.NewReader(`{"index_patterns": ["`+prefix+`.log.*"], "settings": {"number_of_shards": 3}}`))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	t.Cleanup(func() {
		res, err := s.es.Indices.DeleteTemplate(prefix)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	})
	require.NoError(t, s.db.CreateCollection(t.Context(), "a"))
	toml := s.config("change-stream-namespaces = ['DB.a']\ntime-machine-namespaces = ['DB.a']\ntime-machine-deletes = true\n" +
		"time-machine-index-prefix = 'DB.log'\ntime-machine-index-suffix = '2006'\noplog-ts-field-name = '_at'\nresume = true")
	mapped := "\n[[mapping]]\nnamespace = '" + s.db.Name() + ".a'\nindex = '" + s.db.Name() + ".mapped'"
	p := start(t, toml+mapped)
	p.waitLog("listening for events")
	a := s.db.Collection("a")
	s.insert("a", bson.M{"_id": "joe", "age": 1}, bson.M{"_id": "ann"})
	require.NoError(t, s.db.Client().UseSession(t.Context(), func(ctx mongo.SessionContext) error {
		_, err := ctx.WithTransaction(ctx, func(ctx mongo.SessionContext) (any, error) {
			for age := 2; age <= 4; age++ {
				if _, err := a.UpdateByID(ctx, "joe", bson.M{"$set": bson.M{"age": age}}); err != nil {
					return nil, err
				}
			}
			return nil, nil
		})
		return err
	}))
	s.waitFor(s.db.Name()+".mapped", "joe", `{"age":4}`) // a document that is gone cannot be looked up
	_, err = a.DeleteOne(t.Context(), bson.M{"_id": "joe"})
	require.NoError(t, err)
	s.insert("a", bson.M{"_id": "end"})
	s.waitFor(s.db.Name()+".mapped", "end", "{}")
	p.stop()

	indices := s.db.Name() + ".log.*"
	entries, shards := s.history(indices, "joe")
	require.EqualValues(t, 1, shards)
	require.Len(t, entries, 5, "an insert, three updates of one transaction, a delete")
	require.EqualValues(t, 1, entries[0].Get("age").Int())
	for _, e := range entries {
		require.Equal(t, "joe", e.Get("_source_id").String())
	}
	require.True(t, entries[4].Get("_source_deleted").Bool())

	code, out, log := subcommand(t, "history", toml+mapped, "-namespace", s.db.Name()+".a", "-id", "joe")
	require.Zero(t, code, log)
	require.Equal(t, strings.Join(texts(entries), "\n")+"\n", out)
	at := time.Unix(entries[0].Get("_at.T").Int(), 0)
	for _, q := range []struct {
		what, id string
		at       time.Time
		want     string
	}{
		{"before it was inserted", "joe", at.Add(-time.Second), ""},
		{"when it had been deleted", "joe", at.Add(time.Hour), ""},
		{"another document", "ann", at.Add(time.Hour), "{}\n"},
		{"a document that never was", "bob", at.Add(time.Hour), ""},
	} {
		code, out, log := subcommand(t, "history", toml+mapped, "-namespace", s.db.Name()+".a", "-id", q.id, "-as-of", q.at.Format(time.RFC3339))
		require.Equal(t, q.want == "", code == exitFailure, "%s: %s", q.what, log)
		require.Equal(t, q.want, out, q.what)
	}

	// The stored position is lost: everything is delivered again.
	require.NoError(t, s.db.Client().Database(s.stateDB()).Drop(context.Background()))
	p = start(t, toml+"\nresume-from-timestamp = "+entries[0].Get("_at.T").Raw+mapped)
	s.insert("a", bson.M{"_id": "again"})
	s.waitFor(s.db.Name()+".mapped", "again", "{}")
	p.stop()
	replayed, _ := s.history(indices, "joe")
	require.Equal(t, texts(entries), texts(replayed), "replays add nothing")
}

func texts(all []gjson.Result) (raw []string) {
	for _, r := range all {
		raw = append(raw, r.Raw)
	}
	return raw
}

func TestMisuseOfTheHistoryCommand(t *testing.T) {
	for want, args := range map[string][]string{
		"-namespace": {"-id", "1"},
		"-id":        {"-namespace", "a.b"},
		"2026-01-31": {"-namespace", "a.b", "-id", "1", "-as-of", "yesterday"},
	} {
		code, out, log := subcommand(t, "history", "", args...)
		require.Equal(t, exitFailure, code)
		require.Empty(t, out)
		require.Contains(t, log, want)
	}
}
