package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

const (
	// latencyRate is how many lone changes are written a second.
	latencyRate = 20
)

// burst writes documents while the pipeline follows and measures how long the last one takes once the writer stops.
func (b *bench) burst() *row {
	r := &row{name: "live-burst", documents: b.scaled(200_000)}
	r.entries = []entry{{name: "goatee", job: job{Pipeline: "goatee-follow", Namespace: b.namespace(r.name)}, measure: measureBurst}}
	return r
}

func measureBurst(ctx context.Context, b *bench, j *job) (sample, error) {
	coll := b.client.Database(database).Collection("live-burst")
	if err := coll.Drop(ctx); err != nil {
		return sample{}, err
	}
	documents := make([]bson.Raw, j.Documents)
	for i := range documents {
		documents[i] = benchdocs.Medium(i)
	}
	if _, err := b.nullSeen(ctx); err != nil {
		return sample{}, err
	}
	c, err := b.startChild(ctx, j)
	if err != nil {
		return sample{}, err
	}
	if err := c.waitReady(); err != nil {
		return sample{}, err
	}
	if err := insert(ctx, coll, j.Documents, 100, func(i int) bson.Raw { return documents[i] }); err != nil {
		return sample{}, err
	}
	stopped := time.Now()
	s, err := c.wait(ctx, b.servers, j.Documents)
	if err != nil {
		return sample{}, err
	}
	seen, err := b.nullSeen(ctx)
	if err != nil {
		return sample{}, err
	}
	if seen.Lines < 2*int64(j.Documents) {
		return sample{}, fmt.Errorf("%d lines arrived of %d documents", seen.Lines, j.Documents)
	}
	s.Lag = max(0, milliseconds(time.Unix(0, seen.Last).Sub(stopped)))
	return s, nil
}

// latency measures how long a lone change takes.
func (b *bench) latency(kind string, write func(ctx context.Context, coll *mongo.Collection, i int, mark string) error) *row {
	r := &row{name: "latency-" + kind, documents: max(b.scaled(600), 60)}
	r.entries = []entry{{
		name: "goatee", job: job{Pipeline: "goatee-follow", Namespace: b.namespace(r.name)},
		measure: func(ctx context.Context, b *bench, j *job) (sample, error) {
			coll := b.client.Database(database).Collection(r.name,
				options.Collection().SetWriteConcern(writeconcern.W1()))
			return measureLatency(ctx, b, j, coll, write)
		},
	}}
	return r
}

func (b *bench) latencyOfInserts() *row {
	return b.latency("insert", func(ctx context.Context, coll *mongo.Collection, i int, mark string) error {
		_, err := coll.InsertOne(ctx, bson.D{{Key: "mark", Value: mark}, {Key: "n", Value: i}})
		return err
	})
}

func (b *bench) latencyOfUpdates() *row {
	const documents = 10
	r := b.latency("update", func(ctx context.Context, coll *mongo.Collection, i int, mark string) error {
		_, err := coll.UpdateByID(ctx, benchdocs.ID(i%documents), bson.D{{Key: "$set", Value: bson.D{{Key: "mark", Value: mark}}}})
		return err
	})
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		return insert(ctx, b.client.Database(database).Collection(r.name), documents, documents, benchdocs.Medium)
	}
	return r
}

// measureLatency writes lone changes while the pipeline follows, and looks up when each was acknowledged.
func measureLatency(
	ctx context.Context, b *bench, j *job, coll *mongo.Collection,
	write func(ctx context.Context, coll *mongo.Collection, i int, mark string) error,
) (sample, error) {
	n := j.Documents
	if _, err := b.nullSeen(ctx); err != nil {
		return sample{}, err
	}
	c, err := b.startChild(ctx, j)
	if err != nil {
		return sample{}, err
	}
	if err := c.waitReady(); err != nil {
		return sample{}, err
	}
	run := primitive.NewObjectID().Hex()
	committed := map[string]time.Time{}
	tick := time.NewTicker(time.Second / latencyRate)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		mark := fmt.Sprintf("%s-%d", run, i)
		if err := write(ctx, coll, i, mark); err != nil {
			return sample{}, err
		}
		committed[mark] = time.Now()
	}
	s, err := c.wait(ctx, b.servers, n)
	if err != nil {
		return sample{}, err
	}
	seen, err := b.nullSeen(ctx)
	if err != nil {
		return sample{}, err
	}
	delays, err := latencies(committed, seen.Marks)
	s.P50, s.P99 = percentile(delays, 50), percentile(delays, 99)
	return s, err
}

// latencies returns the milliseconds from each commit to its acknowledgement.
func latencies(committed map[string]time.Time, acknowledged map[string]int64) ([]float64, error) {
	var delays []float64
	for mark, at := range committed {
		nanos, ok := acknowledged[mark]
		if !ok {
			return nil, errors.New("a change has not arrived: " + mark)
		}
		// A change may overtake the answer to the write that made it.
		delays = append(delays, max(0, milliseconds(time.Unix(0, nanos).Sub(at))))
	}
	return delays, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
