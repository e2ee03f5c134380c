package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/goatee-sync/goatee/internal/testservers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheDemoRunsAndLeavesWhatItFinds(t *testing.T) {
	m, e := testservers.MongoDB(t), testservers.Elasticsearch(t)
	t.Setenv(testservers.EnvMongoDB, m.URI())
	t.Setenv(testservers.EnvElasticsearch, e.URL())
	database := m.UniqueDB(t)
	e.DropIndices(t, database)

	var out bytes.Buffer
	require.NoError(t, (&demo{out: &out, database: database, docs: 500}).run(t.Context()), out.String())
	require.Contains(t, out.String(), "500 in 3 collections")
	require.Contains(t, out.String(), "350 hits after")
	require.Contains(t, out.String(), "Both sides agree. 853 changes applied")

	err := (&demo{out: &out, database: database, docs: 500}).run(t.Context())
	require.ErrorContains(t, err, "choose another database with -db")
}

func TestInterruptedBeforeTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := (&demo{out: &bytes.Buffer{}, database: "x", docs: 1}).run(ctx)
	require.ErrorIs(t, err, errInterrupted)
}

func TestCredentialsAreNotShown(t *testing.T) {
	require.Equal(t, "mongodb://REDACTED@db/?tls=true", redact("mongodb://joe:p@ss@db/?tls=true"))
	require.Equal(t, "http://127.0.0.1:9200", redact("http://127.0.0.1:9200"))
}
