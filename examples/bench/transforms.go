package main

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/bsonx/bsoncore"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/benchdocs"
	"github.com/goatee-sync/goatee/source"
	"github.com/goatee-sync/goatee/transform"
)

// transforms reads the medium documents through one transformer after the other.
func (b *bench) transforms() *row {
	r := &row{name: "transform", documents: b.scaled(mediumDocuments)}
	ns := b.namespace(mediumName)
	r.entries = []entry{
		{name: "untouched", job: job{Pipeline: "goatee-read", Namespace: ns}},
		{name: "metadata", job: job{Pipeline: "goatee-read", Namespace: ns, Transform: "metadata"}},
		{name: "raw edits", job: job{Pipeline: "goatee-read", Namespace: ns, Transform: "raw"}},
		{name: "map edit", job: job{Pipeline: "goatee-read", Namespace: ns, Transform: "map"}},
		{name: "hand", job: job{Pipeline: "mapping-read", Namespace: ns}},
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		return b.ensure(ctx, mediumName, r.documents, benchdocs.Medium)
	}
	return r
}

const (
	referencesName = "references"
	// references is how many documents the others refer to.
	references     = 1000
	referenceField = "author"
)

// lookup embeds documents of another collection.
func (b *bench) lookup() *row {
	r := &row{name: "lookup", documents: b.scaled(200_000)}
	ns := b.namespace(r.name)
	r.entries = []entry{
		{name: "query each", job: job{Pipeline: "goatee-read", Namespace: ns, Transform: "query"}},
		{name: "Lookup", job: job{Pipeline: "goatee-read", Namespace: ns, Transform: "lookup"}},
	}
	r.prepare = func(ctx context.Context, b *bench, r *row) error {
		if err := b.ensure(ctx, referencesName, references, benchdocs.Medium); err != nil {
			return err
		}
		return b.ensure(ctx, r.name, r.documents, func(i int) bson.Raw {
			small := benchdocs.Small(i)
			return bson.Raw(bsoncore.BuildDocument(nil,
				append(small[4:len(small)-1:len(small)-1], bsoncore.AppendObjectIDElement(nil, referenceField, benchdocs.ID(i%references))...)))
		})
	}
	return r
}

// transformer returns the transformer of a job.
func transformer(j *job, client *mongo.Client) (goatee.Transformer, error) {
	switch j.Transform {
	case "metadata":
		return transform.Chain(
			transform.Index(transform.Exact(j.Namespace, "bench-orders")),
			transform.RoutingField("orderNo"),
		), nil
	case "routing":
		return transform.RoutingField("orderNo"), nil
	case "raw":
		return transform.Chain(
			transform.Omit("customer.email", "history"),
			transform.Rename("orderNo", "number"),
			transform.Set("source", "shop"),
		), nil
	case "map":
		return transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { return editMap(m), nil }), nil
	case "lookup":
		finder, err := source.NewFinder(client)
		if err != nil {
			return nil, err
		}
		return transform.Lookup(finder, database+"."+referencesName, referenceField), nil
	case "query":
		return queryEach(client), nil
	}
	return nil, fmt.Errorf("no transformer %q", j.Transform)
}

// editMap is what people do to a decoded document.
func editMap(m bson.M) bson.M {
	delete(m, "history")
	m["number"] = m["orderNo"]
	delete(m, "orderNo")
	m["source"] = "shop"
	return m
}

// queryEach does what Lookup does, with one query for each document.
func queryEach(client *mongo.Client) goatee.Transformer {
	coll := client.Database(database).Collection(referencesName)
	return goatee.TransformFunc(func(ctx context.Context, _ *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		for i := range actions {
			raw, err := actions[i].Body().Raw()
			if err != nil {
				return nil, err
			}
			found, err := coll.FindOne(ctx, bson.D{{Key: "_id", Value: raw.Lookup(referenceField)}}).Raw()
			if err != nil {
				return nil, err
			}
			document := bsoncore.BuildDocument(nil,
				append(raw[4:len(raw)-1:len(raw)-1], bsoncore.AppendDocumentElement(nil, "found", found)...))
			actions[i].Document = goatee.NewDocument(document)
		}
		return actions, nil
	})
}
