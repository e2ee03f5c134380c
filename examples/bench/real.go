package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/benchdocs"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// realElastic writes medium documents to a real Elasticsearch, beside bodies that were built before.
func (b *bench) realElastic() *row {
	r := &row{name: "real-elasticsearch", documents: b.scaled(100_000)}
	ns := b.namespace(r.name)
	for _, e := range []entry{{name: "bodies", job: job{Pipeline: "bodies"}}, {name: "goatee", job: job{Pipeline: "goatee-read"}}} {
		e.job.Namespace = ns
		e.measure = func(ctx context.Context, b *bench, j *job) (sample, error) {
			if err := b.emptyIndex(ctx, ns); err != nil {
				return sample{}, err
			}
			j.ElasticURL = b.elastic.URL()
			return b.runJob(ctx, j)
		}
		r.entries = append(r.entries, e)
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		if err := b.ensure(ctx, r.name, r.documents, benchdocs.Medium); err != nil {
			return err
		}
		if err := b.startElastic(ctx); err != nil {
			return err
		}
		// The first bodies would pay for the compiler of the virtual machine.
		_, err := b.measure(ctx, r, &r.entries[0], -1)
		return err
	}
	return r
}

const deletesName = "routed-deletes"

// routedDeletes deletes documents whose routing only Elasticsearch knows.
func (b *bench) routedDeletes() *row {
	r := &row{name: deletesName, documents: b.scaled(10_000)}
	for _, e := range []entry{
		// It is slow enough for a tenth to tell.
		{name: "search each", job: job{Deletes: "each", Documents: r.documents / 10}},
		{name: "goatee", job: job{Deletes: "stateless", Documents: r.documents}},
	} {
		e.job.Pipeline, e.job.Namespace = "goatee-follow", b.namespace(deletesName)
		e.measure = measureDeletes
		r.entries = append(r.entries, e)
	}
	r.prepare = func(ctx context.Context, b *bench, _ *row) error { return b.startElastic(ctx) }
	return r
}

// measureDeletes writes routed documents and deletes them; the deletes are what is measured.
func measureDeletes(ctx context.Context, b *bench, j *job) (sample, error) {
	coll := b.client.Database(database).Collection(deletesName)
	if err := b.emptyIndex(ctx, j.Namespace); err != nil {
		return sample{}, err
	}
	if err := insert(ctx, coll, j.Documents, 1000, benchdocs.Medium); err != nil {
		return sample{}, err
	}
	j.ElasticURL = b.elastic.URL()
	write := *j
	write.Pipeline, write.Transform = "goatee-read", "routing"
	if _, err := b.runJob(ctx, &write); err != nil {
		return sample{}, err
	}
	now, err := clusterTime(ctx, b.client)
	if err != nil {
		return sample{}, err
	}
	if _, err := coll.DeleteMany(ctx, bson.D{}); err != nil {
		return sample{}, err
	}
	j.From = after(now)
	return b.runJob(ctx, j)
}

// startElastic starts a real Elasticsearch unless there is one.
func (b *bench) startElastic(ctx context.Context) (err error) {
	if b.elastic == nil {
		b.elastic, err = testservers.StartElastic(ctx, testservers.Heap("2g"))
	}
	return err
}

// emptyIndex makes an index anew: one shard, no replica, the mapping is found by Elasticsearch.
func (b *bench) emptyIndex(ctx context.Context, name string) error {
	if err := b.callElastic(ctx, http.MethodDelete, "/"+name+"?ignore_unavailable=true", ""); err != nil {
		return err
	}
	return b.callElastic(ctx, http.MethodPut, "/"+name, `{"settings":{"number_of_shards":1,"number_of_replicas":0}}`)
}

func (b *bench) callElastic(ctx context.Context, method, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, method, b.elastic.URL()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return nil
}
