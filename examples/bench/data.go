package main

import (
	"context"
	"sync"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

const (
	database = "bench"
	writers  = 2 // connections that write at the same time
)

// insert writes documents 0 to n of make, some connections at once.
func insert(ctx context.Context, coll *mongo.Collection, n, batch int, make func(int) bson.Raw) error {
	return inParallel(ctx, n, batch, func(lo, hi int) error {
		documents := []any{}
		for i := lo; i < hi; i++ {
			documents = append(documents, make(i))
		}
		_, err := coll.InsertMany(ctx, documents, options.InsertMany().SetOrdered(false))
		return err
	})
}

// update changes a field of documents 0 to n, each once.
func update(ctx context.Context, coll *mongo.Collection, n, batch int) error {
	return inParallel(ctx, n, batch, func(lo, hi int) error {
		var models []mongo.WriteModel
		for i := lo; i < hi; i++ {
			models = append(models, mongo.NewUpdateOneModel().
				SetFilter(bson.D{{Key: "_id", Value: benchdocs.ID(scatter(i, n))}}).
				SetUpdate(bson.D{{Key: "$set", Value: bson.D{{Key: "status", Value: "updated"}, {Key: "version", Value: int64(-i)}}}}))
		}
		_, err := coll.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
		return err
	})
}

// scatter is a permutation of 0 to n that leaves no neighbours together, for any n that the prime does not divide.
func scatter(i, n int) int { return int(int64(i) * 1_000_003 % int64(n)) }

// inParallel calls do for parts of 0 to n.
func inParallel(ctx context.Context, n, batch int, do func(lo, hi int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	parts := make(chan int)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for lo := range parts {
				if err := do(lo, min(lo+batch, n)); err != nil {
					cancel(err)
				}
			}
		})
	}
	for lo := 0; lo < n && ctx.Err() == nil; lo += batch {
		parts <- lo
	}
	close(parts)
	group.Wait()
	return context.Cause(ctx)
}

// clusterTime returns the present cluster time.
func clusterTime(ctx context.Context, client *mongo.Client) (primitive.Timestamp, error) {
	var hello struct {
		OperationTime primitive.Timestamp `bson:"operationTime"`
	}
	err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	return hello.OperationTime, err
}

// after returns the first cluster time behind t.
func after(t primitive.Timestamp) primitive.Timestamp { return primitive.Timestamp{T: t.T, I: t.I + 1} }
