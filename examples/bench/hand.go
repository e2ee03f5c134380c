package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/elastic/go-elasticsearch/v7"
	"github.com/elastic/go-elasticsearch/v7/esutil"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// hand is a pipeline as people write it.
type hand struct {
	indexer esutil.BulkIndexer
}

func newHand(j *job) (*hand, error) {
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{j.ElasticURL}})
	if err != nil {
		return nil, err
	}
	indexer, err := esutil.NewBulkIndexer(esutil.BulkIndexerConfig{Client: client, Index: j.Namespace})
	return &hand{indexer: indexer}, err
}

func (h *hand) add(ctx context.Context, document bson.M) error {
	id, ok := document["_id"].(primitive.ObjectID)
	if !ok {
		return fmt.Errorf("_id is a %T", document["_id"])
	}
	delete(document, "_id")
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return h.indexer.Add(ctx, esutil.BulkIndexerItem{Action: "index", DocumentID: id.Hex(), Body: bytes.NewReader(body)})
}

// handRead copies a collection.
func handRead(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	ns, err := goatee.ParseNamespace(j.Namespace)
	if err != nil {
		return err
	}
	h, err := newHand(j)
	if err != nil {
		return err
	}
	cursor, err := client.Database(ns.Database).Collection(ns.Collection).Find(ctx, bson.D{})
	if err != nil {
		return err
	}
	for cursor.Next(ctx) {
		var document bson.M
		if err := cursor.Decode(&document); err != nil {
			return err
		}
		if err := h.add(ctx, document); err != nil {
			return err
		}
	}
	if err := cursor.Err(); err != nil {
		return err
	}
	return h.indexer.Close(ctx)
}

// handFollow follows a collection's change stream.
func handFollow(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	ns, err := goatee.ParseNamespace(j.Namespace)
	if err != nil {
		return err
	}
	h, err := newHand(j)
	if err != nil {
		return err
	}
	stream, err := client.Database(ns.Database).Collection(ns.Collection).Watch(ctx, mongo.Pipeline{},
		options.ChangeStream().SetFullDocument(options.UpdateLookup).SetStartAtOperationTime(&j.From))
	if err != nil {
		return err
	}
	for n := 0; n < j.Documents && stream.Next(ctx); n++ {
		var event struct {
			FullDocument bson.M `bson:"fullDocument"`
		}
		if err := stream.Decode(&event); err != nil {
			return err
		}
		if err := h.add(ctx, event.FullDocument); err != nil {
			return err
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return h.indexer.Close(ctx)
}
