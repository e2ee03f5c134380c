package sink

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/backoff"
)

// SettingIngestPipeline is what a *goatee.ConfigError of PutIngestPipeline names as its Setting when Elasticsearch refuses
// the pipeline.
const SettingIngestPipeline = "sink.PutIngestPipeline"

// PutIngestPipeline creates an ingest pipeline, or replaces the one of this name. body is its definition in JSON. Call it
// before anything is written to the pipeline.
//
// It asks Elasticsearch who it is first, as Bulk.Check does, and tries again for 10 seconds while nodes are in trouble. Its
// error is a *goatee.ConfigError, or the cause of ctx's end.
func PutIngestPipeline(ctx context.Context, client Client, name, body string) error {
	switch {
	case client == nil:
		return misuse("PutIngestPipeline", "the client is nil", "give it an *elasticsearch.Client")
	case name == "":
		return misuse("PutIngestPipeline", "the pipeline has no name", "name it")
	}
	b, err := NewBulk(client)
	if err != nil {
		return err
	}
	if err := b.Check(ctx); err != nil {
		return err
	}
	res, err := b.put(ctx, "/_ingest/pipeline/"+name, body)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return unreachable(err)
	case res.status != http.StatusOK:
		return pipelineRefused(name, res)
	}
	return nil
}

// put sends a body until it is answered for good, for as long as Check would ask.
func (b *Bulk) put(ctx context.Context, path, body string) (reply, error) {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	pauses := backoff.Full{Base: 100 * time.Millisecond, Max: time.Second}
	query := url.Values{"master_timeout": {fmt.Sprintf("%dms", checkTimeout.Milliseconds())}}
	for attempt := 0; ; attempt++ {
		res, err := call(limited, b.client, checkTimeout, ask{method: http.MethodPut, path: path, query: query, body: body})
		passes := err != nil || res.status >= http.StatusInternalServerError || res.status == http.StatusTooManyRequests
		if !passes || pauses.Wait(limited, attempt, 0) != nil {
			return res, noAnswer(err)
		}
	}
}

func pipelineRefused(name string, r reply) error {
	remedy := "correct the pipeline; if it uses a processor that is not there, install its plug-in on every node, such as " +
		"ingest-attachment for attachment"
	if r.status == http.StatusUnauthorized || r.status == http.StatusForbidden {
		remedy = "grant the user the cluster privilege manage_ingest_pipelines, or put the pipeline as another user"
	}
	return &goatee.ConfigError{
		Setting: SettingIngestPipeline, Problem: fmt.Sprintf("Elasticsearch refuses the ingest pipeline %q", name),
		Remedy: remedy, Err: requestError(r),
	}
}
