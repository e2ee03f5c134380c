package sink_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/internal/testservers"
	"github.com/goatee-sync/goatee/sink"
)

func TestAnIngestPipelineIsPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.FailNext(fakees.Fault{Reset: true}, fakees.Fault{}, fakees.Fault{Status: 503}, fakees.Fault{Reset: true}, fakees.Fault{Status: 429})
		require.NoError(t, sink.PutIngestPipeline(t.Context(), es, "files", `{"processors":[]}`))
		requests := es.Requests()
		require.Len(t, requests, 6)
		last := requests[5]
		require.Equal(t, "PUT /_ingest/pipeline/files", last.Method+" "+last.Path)
		require.Equal(t, `{"processors":[]}`, last.Body)
	})
}

func TestAnIngestPipelineThatCannotBePutNamesTheSetting(t *testing.T) {
	down := make([]fakees.Fault, 100)
	for i := range down {
		down[i] = fakees.Fault{Status: 503}
	}
	for name, tc := range map[string]struct {
		faults  []fakees.Fault
		setting string
		says    string
	}{
		"wrong user":      {[]fakees.Fault{{Status: 401}}, sink.SettingCredentials, "password"},
		"no right to put": {[]fakees.Fault{{}, {Status: 403}}, sink.SettingIngestPipeline, "manage_ingest_pipelines"},
		"always down":     {append([]fakees.Fault{{}}, down...), sink.SettingIngestPipeline, "503"},
		"hangs":           {[]fakees.Fault{{}, {Delay: time.Hour}}, sink.SettingAddress, "no answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				es := fakees.New()
				es.FailNext(tc.faults...)
				start := time.Now()
				var config *goatee.ConfigError
				require.ErrorAs(t, sink.PutIngestPipeline(t.Context(), es, "files", "{}"), &config)
				require.Equal(t, tc.setting, config.Setting)
				require.ErrorContains(t, config, tc.says)
				require.LessOrEqual(t, time.Since(start), 11*time.Second)
			})
		})
	}
}

func TestPuttingAnIngestPipelineEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		es := fakees.New()
		es.FailNext(fakees.Fault{}, fakees.Fault{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, sink.PutIngestPipeline(ctx, es, "files", "{}"), context.DeadlineExceeded)
	})
}

func TestIngestPipelineMisuse(t *testing.T) {
	require.ErrorContains(t, sink.PutIngestPipeline(t.Context(), nil, "files", "{}"), "client is nil")
	require.ErrorContains(t, sink.PutIngestPipeline(t.Context(), fakees.New(), "", "{}"), "no name")
}

// TestElasticsearchJudgesIngestPipelines: an empty pipeline replaces itself; an unknown processor is refused by name.
func TestElasticsearchJudgesIngestPipelines(t *testing.T) {
	es := testservers.Elasticsearch(t).Client(t)
	const name = "goatee-test-put"
	t.Cleanup(func() {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, "/_ingest/pipeline/"+name, nil)
		require.NoError(t, err)
		res, err := es.Perform(req)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, res.Body)
		require.NoError(t, res.Body.Close())
	})
	for range 2 {
		require.NoError(t, sink.PutIngestPipeline(t.Context(), es, name, `{"processors":[]}`))
	}
	err := sink.PutIngestPipeline(t.Context(), es, name, `{"processors":[{"no_such_processor":{}}]}`)
	var config *goatee.ConfigError
	require.ErrorAs(t, err, &config)
	require.Equal(t, sink.SettingIngestPipeline, config.Setting)
	for _, want := range []string{name, "no_such_processor", "plug-in"} {
		require.Truef(t, strings.Contains(err.Error(), want), "%q in %v", want, err)
	}
}
