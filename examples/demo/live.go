package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/demo/shop"
)

// followLimit is how long an answer may take to follow a change before the demo has failed.
const followLimit = 60 * time.Second

// change is one write to MongoDB and the search whose answer must follow.
type change struct {
	text       string
	collection string
	write      func(ctx context.Context, coll *mongo.Collection) error
	// writes is how many documents it changes.
	writes int64
	query  map[string]any
	want   int64
}

func match(field, text string) map[string]any {
	return map[string]any{"match": map[string]any{field: map[string]any{"query": text, "operator": "and"}}}
}

// liveChanges are an insert, an update, a delete and an update of many.
func liveChanges(orders int) []change {
	product := bson.D{{Key: "_id", Value: "SKU-DEMO"}}
	many := int64(min(1000, orders))
	return []change{
		{
			text: `insert a product "Turquoise Zeppelin"`, collection: shop.Products,
			write: func(ctx context.Context, coll *mongo.Collection) error {
				_, err := coll.InsertOne(ctx, append(product, bson.E{Key: "name", Value: "Turquoise Zeppelin"}))
				return err
			},
			writes: 1, query: match("name", "turquoise zeppelin"), want: 1,
		},
		{
			text: `update its name to "Crimson Zeppelin"`, collection: shop.Products,
			write: func(ctx context.Context, coll *mongo.Collection) error {
				_, err := coll.UpdateOne(ctx, product, bson.D{{Key: "$set", Value: bson.D{{Key: "name", Value: "Crimson Zeppelin"}}}})
				return err
			},
			writes: 1, query: match("name", "crimson zeppelin"), want: 1,
		},
		{
			text: "delete it", collection: shop.Products,
			write: func(ctx context.Context, coll *mongo.Collection) error {
				_, err := coll.DeleteOne(ctx, product)
				return err
			},
			writes: 1, query: match("name", "zeppelin"), want: 0,
		},
		{
			text: fmt.Sprintf(`mark %d orders as "recalled"`, many), collection: shop.Orders,
			write: func(ctx context.Context, coll *mongo.Collection) error {
				first := bson.D{{Key: "number", Value: bson.D{{Key: "$lt", Value: 1_000_000 + many}}}}
				_, err := coll.UpdateMany(ctx, first, bson.D{{Key: "$set", Value: bson.D{{Key: "status", Value: "recalled"}}}})
				return err
			},
			writes: many, query: match("status", "recalled"), want: many,
		},
	}
}

func (d *demo) changeLive(ctx context.Context, syncer *goatee.Syncer) error {
	d.say("\nLive changes: when Elasticsearch had acknowledged them, and when the search's answer followed\n")
	orders := d.collections[len(d.collections)-1].Count
	for _, c := range liveChanges(orders) {
		acknowledged, found, err := d.follow(ctx, syncer, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.text, err)
		}
		d.say("  %-42s %8v  %5d hits after %v\n", c.text, acknowledged.Round(time.Millisecond), c.want, found.Round(time.Millisecond))
	}
	d.say("  (Elasticsearch makes what it has acknowledged visible to searches once a second.)\n")
	return nil
}

// follow makes a change, waits until it is acknowledged, and searches until the answer is the one it must lead to.
func (d *demo) follow(ctx context.Context, syncer *goatee.Syncer, c change) (acknowledged, found time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, followLimit, errors.New("the answer did not follow"))
	defer cancel()
	before := syncer.Stats().Applied
	begin := time.Now()
	if err := c.write(ctx, d.mongo.Database(d.database).Collection(c.collection)); err != nil {
		return 0, 0, err
	}
	err = poll(ctx, time.Millisecond, func() (bool, error) { return syncer.Stats().Applied >= before+c.writes, nil })
	acknowledged = time.Since(begin)
	if err != nil {
		return 0, 0, err
	}
	err = poll(ctx, 5*time.Millisecond, func() (bool, error) {
		hits, err := d.search.hits(ctx, d.database+"."+c.collection, c.query)
		return hits == c.want, err
	})
	return acknowledged, time.Since(begin), err
}

// poll asks at each interval until the answer is yes, or fails with ctx's cause.
func poll(ctx context.Context, interval time.Duration, ask func() (bool, error)) error {
	for {
		yes, err := ask()
		if err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(interval):
		}
	}
}

// agree compares the number of documents on both sides.
func (d *demo) agree(ctx context.Context) error {
	for _, c := range d.collections {
		want, err := d.mongo.Database(d.database).Collection(c.Name).CountDocuments(ctx, bson.D{})
		if err != nil {
			return err
		}
		got, err := d.search.count(ctx, d.database+"."+c.Name)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s.%s holds %d documents, its index %d", d.database, c.Name, want, got)
		}
	}
	return nil
}
