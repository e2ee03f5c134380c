package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// ceilingFollow reads the deployment's change stream, transcodes the documents and throws them away.
func ceilingFollow(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	return follow(ctx, j, client, func() (func([]byte) error, func() error) {
		b := newBodies(j.Namespace, j.From, discard)
		return func(event []byte) error {
			r := bsonjson.NewReader(event)
			for r.Next() {
				if string(r.Key()) == "fullDocument" {
					return b.transcode(r.Value())
				}
			}
			return r.Err()
		}, b.flush
	})
}

// rawFollow reads the deployment's change stream and throws the events away.
func rawFollow(ctx context.Context, j *job, client *mongo.Client, _ *clock) error {
	return follow(ctx, j, client, func() (func([]byte) error, func() error) {
		return func([]byte) error { return nil }, func() error { return nil }
	})
}

// follow reads the change stream from j.From until it has brought j.Documents events.
func follow(
	ctx context.Context, j *job, client *mongo.Client, newWorker func() (handle func([]byte) error, finish func() error),
) error {
	const batchSize = 10_000 // events; mongod limits the bytes to 16 MB
	c := &rawCursor{client: client, database: "admin", collection: "$cmd.aggregate", batchSize: batchSize, await: time.Second}
	var events atomic.Int64
	err := work(ctx, c, openStream(j.From, batchSize), func() (func([]byte) error, func() error) {
		handle, finish := newWorker()
		return func(event []byte) error {
			switch n := events.Add(1); {
			case n > int64(j.Documents):
				return errEnough
			case n == int64(j.Documents):
				return errors.Join(handle(event), finish(), errEnough)
			}
			return handle(event)
		}, finish
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func openStream(from primitive.Timestamp, batchSize int) bson.D {
	stage := bson.D{{Key: "allChangesForCluster", Value: true}, {Key: "startAtOperationTime", Value: from}}
	return bson.D{
		{Key: "aggregate", Value: 1},
		{Key: "pipeline", Value: mongo.Pipeline{{{Key: "$changeStream", Value: stage}}}},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: batchSize}}},
		{Key: "readConcern", Value: bson.D{{Key: "level", Value: "majority"}}},
	}
}
