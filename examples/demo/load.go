package main

import (
	"context"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee/examples/demo/shop"
)

const loadBatch = 1000

// load fills the database, which must be empty: what somebody keeps on a server that was given is not ours to change.
func (d *demo) load(ctx context.Context) error {
	db := d.mongo.Database(d.database)
	names, err := db.ListCollectionNames(ctx, bson.D{})
	if err != nil {
		return err
	}
	indices, err := d.search.indices(ctx, d.database+".*")
	if err != nil {
		return err
	}
	if len(names)+len(indices) > 0 {
		return fmt.Errorf("there are %d collections in %s and %d indices %s.* already: choose another database with -db",
			len(names), d.database, len(indices), d.database)
	}
	begin := time.Now()
	total := 0
	d.collections = shop.Collections(d.docs)
	for _, c := range d.collections {
		if err := fill(ctx, db.Collection(c.Name), c); err != nil {
			return err
		}
		total += c.Count
	}
	d.say("  documents      %-45s %s\n", fmt.Sprintf("%d in %d collections of %s", total, len(d.collections), d.database), since(begin))
	return nil
}

func fill(ctx context.Context, coll *mongo.Collection, c shop.Collection) error {
	var batch []any
	for i := range c.Count {
		batch = append(batch, c.Document(i))
		if len(batch) < loadBatch && i < c.Count-1 {
			continue
		}
		if _, err := coll.InsertMany(ctx, batch, options.InsertMany().SetOrdered(false)); err != nil {
			return fmt.Errorf("load %s: %w", c.Name, err)
		}
		batch = batch[:0]
	}
	return nil
}
