package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

// row is one kind of work and the pipelines that do it.
type row struct {
	name string
	// documents is how many there are to work on.
	documents int
	// prepare makes the data, once, before the first run. Nil when there is nothing to make.
	prepare func(ctx context.Context, b *bench, r *row) error
	// entries are measured in turn. The first is what the others are compared with.
	entries []entry
}

// entry is a pipeline of a row.
type entry struct {
	name string
	job  job
	// measure does the work. Default: the job, from start to end.
	measure func(ctx context.Context, b *bench, j *job) (sample, error)
}

// The collection that several rows read.
const (
	mediumName      = "direct-medium"
	mediumDocuments = 300_000
)

// bench is one invocation of the program.
type bench struct {
	*settings
	*servers
	log io.Writer
	// made are the collections there are.
	made map[string]bool
	warm bool // the real Elasticsearch has been at work
}

// ensure makes a collection unless it has been made.
func (b *bench) ensure(ctx context.Context, name string, n int, make func(int) bson.Raw) error {
	if b.made[name] {
		return nil
	}
	b.made[name] = true
	return insert(ctx, b.client.Database(database).Collection(name), n, 1000, make)
}

// rows returns the rows in the order of the table.
func (b *bench) rows() []*row {
	return append([]*row{
		b.directRead("direct-small", 1_000_000, benchdocs.Small),
		b.directRead(mediumName, mediumDocuments, benchdocs.Medium),
		b.directRead("direct-large", 20_000, benchdocs.Large),
		b.backlogOfInserts(),
		b.backlogOfUpdates(),
		b.burst(),
		b.latencyOfInserts(),
		b.latencyOfUpdates(),
		b.transforms(),
		b.lookup(),
		b.realElastic(),
		b.routedDeletes(),
	}, b.costs()...)
}

// scaled returns how many documents to use.
func (b *bench) scaled(n int) int {
	if b.quick {
		return n / 20
	}
	return n
}

func (b *bench) directRead(name string, documents int, make func(int) bson.Raw) *row {
	r := &row{name: name, documents: b.scaled(documents)}
	ns := b.namespace(name)
	r.entries = []entry{
		{name: "ceiling", job: job{Pipeline: "ceiling-read", Namespace: ns}},
		{name: "ceiling+post", job: job{Pipeline: "posting-read", Namespace: ns}},
		{name: "goatee", job: job{Pipeline: "goatee-read", Namespace: ns}},
		{name: "hand", job: job{Pipeline: "hand-read", Namespace: ns}},
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		return b.ensure(ctx, name, r.documents, make)
	}
	return r
}

func (b *bench) backlogOfInserts() *row {
	const name = "backlog-inserts"
	r := &row{name: name, documents: b.scaled(200_000)}
	ns := b.namespace(name)
	r.entries = []entry{
		{name: "ceiling", job: job{Pipeline: "ceiling-tail", Namespace: ns}},
		{name: "goatee", job: job{Pipeline: "goatee-follow", Namespace: ns}},
		{name: "hand", job: job{Pipeline: "hand-follow", Namespace: ns}},
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		return b.withBacklog(ctx, r, func() error {
			return insert(ctx, b.client.Database(database).Collection(name), r.documents, 1000, benchdocs.Medium)
		})
	}
	return r
}

func (b *bench) backlogOfUpdates() *row {
	const name = "backlog-updates"
	r := &row{name: name, documents: b.scaled(200_000)}
	ns := b.namespace(name)
	r.entries = []entry{
		{name: "raw", job: job{Pipeline: "raw-tail", Namespace: ns}},
		{name: "goatee", job: job{Pipeline: "goatee-follow", Namespace: ns}},
		{name: "hand", job: job{Pipeline: "hand-follow", Namespace: ns}},
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		coll := b.client.Database(database).Collection(name)
		if err := insert(ctx, coll, r.documents, 1000, benchdocs.Medium); err != nil {
			return err
		}
		return b.withBacklog(ctx, r, func() error { return update(ctx, coll, r.documents, 1000) })
	}
	return r
}

// withBacklog has every pipeline of the row begin at the cluster time before write.
func (b *bench) withBacklog(ctx context.Context, r *row, write func() error) error {
	now, err := clusterTime(ctx, b.client)
	if err != nil {
		return err
	}
	for i := range r.entries {
		r.entries[i].job.From = after(now)
	}
	return write()
}

func (b *bench) namespace(collection string) string { return database + "." + collection }

// run measures a row and returns the samples of each entry.
func (b *bench) run(ctx context.Context, r *row) (*result, error) {
	fmt.Fprintf(b.log, "%s: %d documents\n", r.name, r.documents)
	if r.prepare != nil {
		if err := r.prepare(ctx, b, r); err != nil {
			return nil, fmt.Errorf("%s: prepare: %w", r.name, err)
		}
	}
	res := &result{Row: r.name, Documents: r.documents}
	for _, e := range r.entries {
		if b.pipelines.MatchString(e.name) {
			res.Entries = append(res.Entries, entryResult{Name: e.name})
		}
	}
	for n := range b.runs {
		for i := range res.Entries {
			e := r.entry(res.Entries[i].Name)
			s, err := b.measure(ctx, r, e, n)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", r.name, e.name, err)
			}
			fmt.Fprintf(b.log, "  run %d %-16s %s\n", n+1, e.name, s)
			res.Entries[i].Samples = append(res.Entries[i].Samples, s)
		}
	}
	return res, nil
}

func (r *row) entry(name string) *entry {
	for i := range r.entries {
		if r.entries[i].name == name {
			return &r.entries[i]
		}
	}
	return nil
}

func (b *bench) measure(ctx context.Context, r *row, e *entry, n int) (sample, error) {
	j := e.job
	j.MongoURI = b.mongo.URI()
	if j.Documents == 0 {
		j.Documents = r.documents
	}
	if j.ElasticURL == "" {
		j.ElasticURL = b.nullURL
	}
	if b.profiles != "" && n == 0 && strings.HasPrefix(j.Pipeline, "goatee") {
		j.Profile = filepath.Join(b.profiles, r.name+"-"+e.name)
	}
	if e.measure != nil {
		return e.measure(ctx, b, &j)
	}
	return b.runJob(ctx, &j)
}
