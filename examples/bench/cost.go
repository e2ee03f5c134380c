package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

const (
	// costSeconds is how long each rate is kept up.
	costSeconds = 20
	// costWriters is how many connections write.
	costWriters = 4
)

// costs returns a row for each kind of change and each rate: what it costs all three processes while a real
// Elasticsearch is followed, beside one bulk request a second for it and beside the writing alone for MongoDB.
func (b *bench) costs() (rows []*row) {
	for _, kind := range []string{"insert", "update"} {
		for _, rate := range []int{300, 1000, 3000} {
			rows = append(rows, b.cost(kind, rate))
		}
	}
	return rows
}

// cost is one of them. Its documents are the changes of one run.
func (b *bench) cost(kind string, rate int) *row {
	seconds := costSeconds
	if b.quick {
		seconds = 3
	}
	r := &row{name: fmt.Sprintf("cost-%s-%d", kind, rate), documents: seconds * rate}
	w := &costWriter{name: r.name, update: kind == "update", rate: rate, documents: r.documents}
	r.entries = []entry{
		{name: "one bulk a second", measure: w.measureBulks},
		{name: "writing alone", measure: w.measureWriting},
		{name: "goatee", job: job{Pipeline: "goatee-follow", Namespace: b.namespace(r.name)}, measure: w.measureGoatee},
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		if err := b.startElastic(ctx); err != nil {
			return err
		}
		// The first requests would pay for the compiler of the virtual machine.
		if err := w.warm(ctx, b); err != nil {
			return err
		}
		if w.update {
			return insert(ctx, b.client.Database(database).Collection(r.name), r.documents, 1000, benchdocs.Medium)
		}
		return nil
	}
	return r
}

// costWriter writes changes at a steady rate.
type costWriter struct {
	name      string
	update    bool
	rate      int
	documents int
}

// write writes each change by itself, as an application does. One connection could not keep up the highest rate.
func (w *costWriter) write(ctx context.Context, coll *mongo.Collection) error {
	began := time.Now()
	var next atomic.Int64
	failed := make([]error, costWriters)
	var writers sync.WaitGroup
	for n := range failed {
		writers.Go(func() {
			for i := int(next.Add(1)) - 1; i < w.documents && failed[n] == nil; i = int(next.Add(1)) - 1 {
				due := time.Duration(i) * time.Second / time.Duration(w.rate)
				time.Sleep(time.Until(began.Add(due)))
				failed[n] = w.writeOne(ctx, coll, i)
			}
		})
	}
	writers.Wait()
	return errors.Join(failed...)
}

func (w *costWriter) writeOne(ctx context.Context, coll *mongo.Collection, i int) error {
	if !w.update {
		_, err := coll.InsertOne(ctx, benchdocs.Medium(i))
		return err
	}
	_, err := coll.UpdateByID(ctx, benchdocs.ID(i), bson.D{{Key: "$set", Value: bson.D{{Key: "changed", Value: primitive.NewObjectID()}}}})
	return err
}

// begin empties what a run writes to.
func (w *costWriter) begin(ctx context.Context, b *bench) (*mongo.Collection, error) {
	coll := b.client.Database(database).Collection(w.name)
	if !w.update {
		if err := coll.Drop(ctx); err != nil {
			return nil, err
		}
	}
	return coll, b.emptyIndex(ctx, b.namespace(w.name))
}

// measureWriting measures what mongod does without anybody who follows.
func (w *costWriter) measureWriting(ctx context.Context, b *bench, _ *job) (sample, error) {
	coll, err := w.begin(ctx, b)
	if err != nil {
		return sample{}, err
	}
	before, err := b.load(ctx)
	if err != nil {
		return sample{}, err
	}
	began := time.Now()
	if err := w.write(ctx, coll); err != nil {
		return sample{}, err
	}
	took := time.Since(began)
	after, err := b.load(ctx)
	n := float64(w.documents)
	return sample{Rate: n / took.Seconds(), MongoDB: (after.mongod - before.mongod) / n * 1e6}, err
}

// warm has Elasticsearch index as many documents as a run does, in many requests.
func (w *costWriter) warm(ctx context.Context, b *bench) error {
	if b.warm {
		return nil
	}
	b.warm = true
	if _, err := w.begin(ctx, b); err != nil {
		return err
	}
	post := poster(ctx, b.elastic.URL())
	for round := range warmRounds {
		build := newBodies(b.namespace(w.name), primitive.Timestamp{T: uint32(1 + round)}, post)
		for i := range warmDocuments {
			if err := build.transcode(benchdocs.Medium(i)); err != nil {
				return err
			}
			if i%(1+round%100) == 0 {
				if err := build.flush(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

const (
	warmRounds    = 40
	warmDocuments = 1500
)

// measureBulks measures what Elasticsearch does when it gets one bulk request a second.
func (w *costWriter) measureBulks(ctx context.Context, b *bench, _ *job) (sample, error) {
	if _, err := w.begin(ctx, b); err != nil {
		return sample{}, err
	}
	var requests [][]byte
	var second []byte // all that is written in one
	build := newBodies(b.namespace(w.name), primitive.Timestamp{T: 1}, func(body []byte) error {
		second = append(second, body...)
		return nil
	})
	for i := range w.documents {
		if err := build.transcode(benchdocs.Medium(i)); err != nil {
			return sample{}, err
		}
		if (i+1)%w.rate == 0 {
			if err := build.flush(); err != nil {
				return sample{}, err
			}
			requests = append(requests, second)
			second = nil
		}
	}
	before, err := b.elasticSeconds(ctx)
	if err != nil {
		return sample{}, err
	}
	post := poster(ctx, b.elastic.URL())
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for _, body := range requests {
		<-tick.C
		if err := post(body); err != nil {
			return sample{}, err
		}
	}
	took := time.Since(began)
	after, err := b.elasticSeconds(ctx)
	n := float64(w.documents)
	return sample{Rate: n / took.Seconds(), Elastic: (after - before) / n * 1e6}, err
}

// measureGoatee measures all three processes while goatee follows.
func (w *costWriter) measureGoatee(ctx context.Context, b *bench, j *job) (sample, error) {
	coll, err := w.begin(ctx, b)
	if err != nil {
		return sample{}, err
	}
	j.ElasticURL = b.elastic.URL()
	c, err := b.startLive(ctx, j)
	if err != nil {
		return sample{}, err
	}
	elastic, err := b.elasticSeconds(ctx)
	if err != nil {
		return sample{}, err
	}
	if err := w.write(ctx, coll); err != nil {
		return sample{}, err
	}
	s, err := c.wait(ctx, b.servers, w.documents)
	if err != nil {
		return s, err
	}
	after, err := b.elasticSeconds(ctx)
	s.Elastic = (after - elastic) / float64(w.documents) * 1e6
	return s, err
}

// elasticSeconds returns the CPU time that the real Elasticsearch has used.
func (b *bench) elasticSeconds(ctx context.Context) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.elastic.URL()+"/_nodes/_local/stats/process", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var stats struct {
		Nodes map[string]struct {
			Process struct {
				CPU struct {
					Millis float64 `json:"total_in_millis"`
				} `json:"cpu"`
			} `json:"process"`
		} `json:"nodes"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&stats); err != nil {
		return 0, err
	}
	for _, node := range stats.Nodes {
		return node.Process.CPU.Millis / 1000, nil
	}
	return 0, fmt.Errorf("%s tells of no node", b.elastic.URL())
}
