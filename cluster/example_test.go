package cluster_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
	"github.com/goatee-sync/goatee/goateetest"
)

// Of all processes that run this, one works and the others stand by. An elector needs a position store
// (goatee.WithPositions) that all of them share, so that the next leader continues where the last one stopped.
func ExampleNewLease() {
	ctx := context.Background()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://127.0.0.1:27017"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Disconnect(ctx) }()

	leases := client.Database("goatee").Collection(cluster.LeaseCollection)
	elector, err := cluster.NewLease(leases, "orders", cluster.WithTTL(5*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	option := goatee.WithElector(elector)
	_ = option // pass it to goatee.New
}

// A lease on its own, for work other than a pipeline's.
func ExampleLease_Campaign() {
	work := func(ctx context.Context, elector goatee.Elector) error {
		term, err := elector.Campaign(ctx) // stands by until this process leads
		if err != nil {
			return err
		}
		defer func() { _ = term.Resign(context.WithoutCancel(ctx)) }()

		for term.Reading.Err() == nil { // until ctx ends or the lease is lost
			if err := doSomething(term.Writing, term.Fence); err != nil { // until the lease is lost
				return err
			}
		}
		return context.Cause(term.Reading)
	}
	_ = work
}

func doSomething(context.Context, goatee.Fence) error { return nil }

// Three processes that divide the documents of one stream among themselves. Each is given the same names and its own.
func ExamplePartition() {
	workers, err := cluster.NewEven([]string{"w1", "w2", "w3"})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"1", "2", "abc"} {
		fmt.Println(id, workers.Owner(id))
	}

	owns, err := workers.Share("w2")
	if err != nil {
		log.Fatal(err)
	}
	stream := goateetest.NewSource("change-stream:shop.orders",
		goateetest.Insert("shop.orders", `{"_id": 1}`),
		goateetest.Insert("shop.orders", `{"_id": 2}`),
		goateetest.Insert("shop.orders", `{"_id": "abc"}`))
	source := cluster.Partition(stream, owns)
	err = source.Run(context.Background(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		for i := range b.Changes {
			fmt.Println("w2 writes", b.Changes[i].ID)
		}
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 w1
	// 2 w2
	// abc w2
	// w2 writes {"$numberInt":"2"}
	// w2 writes "abc"
}
