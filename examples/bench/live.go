package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/examples/cmd/config"
	"github.com/goatee-sync/goatee/internal/benchdocs"
)

const (
	// latencySeconds is how long changes are written for.
	latencySeconds = 30
	// arrivalLimit is how long changes may take to arrive before the run fails.
	arrivalLimit = 2 * time.Minute
	// arrivalPoll is seldom enough not to disturb what is measured.
	arrivalPoll = 20 * time.Millisecond
)

// burst writes documents while the pipeline follows and measures how long the last one takes once the writer stops.
func (b *bench) burst() *row {
	r := &row{name: "live-burst", documents: b.scaled(200_000)}
	r.entries = []entry{{name: "goatee", job: job{Pipeline: "goatee-follow", Namespace: b.namespace(r.name)}, measure: measureBurst}}
	return r
}

func measureBurst(ctx context.Context, b *bench, j *job) (sample, error) {
	n := j.Documents
	coll := b.client.Database(database).Collection("live-burst")
	if err := coll.Drop(ctx); err != nil {
		return sample{}, err
	}
	documents := make([]bson.Raw, n)
	for i := range documents {
		documents[i] = benchdocs.Medium(i)
	}
	c, err := b.startLive(ctx, j)
	if err != nil {
		return sample{}, err
	}
	if err := insert(ctx, coll, n, 100, func(i int) bson.Raw { return documents[i] }); err != nil {
		return sample{}, err
	}
	stopped := time.Now()
	seen, err := b.awaitSeen(ctx, func(seen *nullSeen) bool { return seen.Lines >= 2*int64(n) })
	if err != nil {
		return sample{}, err
	}
	s, err := c.wait(ctx, b.servers, n)
	s.Lag = max(0, milliseconds(time.Unix(0, seen.Last).Sub(stopped)))
	return s, err
}

// startLive starts a process that follows until it is stopped, and returns when it misses nothing any more.
func (b *bench) startLive(ctx context.Context, j *job) (*child, error) {
	j.Documents = 0
	// A stream that starts now begins with the last write there was, so make that one of a database nobody follows.
	ignored := b.client.Database(config.Default().ConfigDatabaseName).Collection("bench")
	if _, err := ignored.InsertOne(ctx, bson.D{}); err != nil {
		return nil, err
	}
	if _, err := b.nullSeen(ctx); err != nil {
		return nil, err
	}
	c, err := b.startChild(ctx, j)
	if err != nil {
		return nil, err
	}
	return c, c.waitReady()
}

// awaitSeen asks the null Elasticsearch what it has seen until that is enough.
func (b *bench) awaitSeen(ctx context.Context, enough func(*nullSeen) bool) (all nullSeen, err error) {
	all.Marks = map[string]int64{}
	ctx, cancel := context.WithTimeout(ctx, arrivalLimit)
	defer cancel()
	for !enough(&all) {
		seen, err := b.nullSeen(ctx)
		if err != nil {
			return all, fmt.Errorf("wait for changes to arrive: %w", err)
		}
		all.Lines += seen.Lines
		all.Last = max(all.Last, seen.Last)
		maps.Copy(all.Marks, seen.Marks)
		time.Sleep(arrivalPoll)
	}
	return all, nil
}

// latencyRates are how many changes are written a second: lone ones first.
var latencyRates = []int{5, 20, 300, 1000, 3000}

// latency measures how long a change takes at several rates.
func (b *bench) latency(kind string, write func(ctx context.Context, coll *mongo.Collection, i int, mark string) error) *row {
	r := &row{name: "latency-" + kind}
	for _, rate := range latencyRates {
		r.entries = append(r.entries, entry{
			name: fmt.Sprintf("%d/s", rate),
			job:  job{Pipeline: "goatee-follow", Namespace: b.namespace(r.name), Documents: max(b.scaled(latencySeconds*rate), 3*rate)},
			measure: func(ctx context.Context, b *bench, j *job) (sample, error) {
				return measureLatency(ctx, b, j, rate, b.client.Database(database).Collection(r.name), write)
			},
		})
	}
	return r
}

func (b *bench) latencyOfInserts() *row {
	return b.latency("insert", func(ctx context.Context, coll *mongo.Collection, i int, mark string) error {
		_, err := coll.InsertOne(ctx, bson.D{{Key: "mark", Value: mark}, {Key: "n", Value: i}})
		return err
	})
}

func (b *bench) latencyOfUpdates() *row {
	// So many that no two changes of one come at about the same time: only the later one would be written.
	const documents = 20_000
	r := b.latency("update", func(ctx context.Context, coll *mongo.Collection, i int, mark string) error {
		_, err := coll.UpdateByID(ctx, benchdocs.ID(i%documents), bson.D{{Key: "$set", Value: bson.D{{Key: "mark", Value: mark}}}})
		return err
	})
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		return insert(ctx, b.client.Database(database).Collection(r.name), documents, 1000, benchdocs.Medium)
	}
	return r
}

// measureLatency writes changes at a rate while the pipeline follows, and looks up when each was acknowledged.
func measureLatency(
	ctx context.Context, b *bench, j *job, rate int, coll *mongo.Collection,
	write func(ctx context.Context, coll *mongo.Collection, i int, mark string) error,
) (sample, error) {
	n := j.Documents
	c, err := b.startLive(ctx, j)
	if err != nil {
		return sample{}, err
	}
	run := primitive.NewObjectID().Hex()
	committed := map[string]time.Time{}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range n {
		<-tick.C
		mark := fmt.Sprintf("%s-%d", run, i)
		if err := write(ctx, coll, i, mark); err != nil {
			return sample{}, err
		}
		committed[mark] = time.Now()
	}
	seen, err := b.awaitSeen(ctx, func(seen *nullSeen) bool { return len(seen.Marks) >= n })
	if err != nil {
		return sample{}, fmt.Errorf("%d of %d: %w", len(seen.Marks), n, err)
	}
	s, err := c.wait(ctx, b.servers, n)
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
