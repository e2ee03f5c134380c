package sink_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v7"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/sink"
)

// The client is go-elasticsearch's, of version 7 or 8. sink.Transport lets it work with OpenSearch as well.
func ExampleNewBulk() {
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses:    []string{"http://localhost:9200"},
		DisableRetry: true, // the sink retries by itself
		Transport:    sink.Transport(http.DefaultTransport),
	})
	if err != nil {
		log.Fatal(err)
	}
	bulk, err := sink.NewBulk(client, sink.WithMaxBytes(4<<20), sink.WithShardTimeout(2*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	_ = goatee.WithSink(bulk) // an option of goatee.New
}

// What Elasticsearch refuses is named by its place among the actions; everything else is durable.
func ExampleBulk_Write() {
	es := goateetest.NewElasticsearch()
	bulk, err := sink.NewBulk(es)
	if err != nil {
		log.Fatal(err)
	}
	err = bulk.Write(context.Background(), []goatee.Action{
		{Change: goateetest.Insert("shop.orders", `{"_id": 1, "total": 3}`)},
		{Change: goateetest.Insert("shop.orders", `{"_id": 2}`), Index: "not an index"},
	})
	failed, rest := goatee.SplitBatchError(err)
	for _, f := range failed {
		fmt.Printf("action %d is %s: %s\n", f.Ordinal, f.Class, f.Target.ID)
	}
	fmt.Println(rest, len(es.Docs("shop.orders")))
	// Output:
	// action 1 is refused: 2
	// <nil> 1
}

// A transformer puts documents into an index by their state; the deletes find them there, and a document that moves leaves
// no copy behind.
func ExampleNewStateful() {
	es := goateetest.NewElasticsearch()
	bulk, err := sink.NewBulk(es)
	if err != nil {
		log.Fatal(err)
	}
	stateful, err := sink.NewStateful(bulk, bulk, newMemoryMeta(), sink.WithRoutedNamespaces("shop.orders"))
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range []goatee.Action{
		{Change: goateetest.At(goateetest.Insert("shop.orders", `{"_id": 1}`), 100, 1), Index: "open-orders"},
		{Change: goateetest.At(goateetest.Replace("shop.orders", `{"_id": 1}`), 101, 1), Index: "closed-orders"},
		{Kind: goatee.ActionDelete, Change: goateetest.At(goateetest.Delete("shop.orders", 1), 102, 1)},
	} {
		if err := stateful.Write(context.Background(), []goatee.Action{a}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(es.Docs("open-orders")), len(es.Docs("closed-orders")))
	}
	// Output:
	// 1 0
	// 0 1
	// 0 0
}

// The store of the stateful strategy is a collection in MongoDB, in the shape of Monstache's.
func ExampleNewMongoMeta() {
	var client *mongo.Client // connected with write concern majority
	var bulk *sink.Bulk
	store, err := sink.NewMongoMeta(client.Database("goatee").Collection("meta"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := sink.NewStateful(bulk, bulk, store); err != nil {
		log.Fatal(err)
	}
}

// The stateless strategy searches for what is to be deleted, and stores nothing.
func ExampleNewStateless() {
	es := goateetest.NewElasticsearch()
	bulk, err := sink.NewBulk(es)
	if err != nil {
		log.Fatal(err)
	}
	stateless, err := sink.NewStateless(bulk, bulk, sink.WithIndexPattern("orders-*"))
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range []goatee.Action{
		{Change: goateetest.At(goateetest.Insert("shop.orders", `{"_id": 1}`), 100, 1), Index: "orders-2024", Routing: "eu"},
		{Kind: goatee.ActionDelete, Change: goateetest.At(goateetest.Delete("shop.orders", 1), 101, 1)},
	} {
		if err := stateless.Write(context.Background(), []goatee.Action{a}); err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(es.Docs("orders-2024")))
	}
	// Output:
	// 1
	// 0
}

// enrich is a decorator that sends documents through an ingest pipeline.
type enrich struct{ next goatee.Sink }

// Unwrap lets the engine find what the next sink can do.
func (e enrich) Unwrap() goatee.Sink { return e.next }

func (e enrich) Write(ctx context.Context, actions []goatee.Action) error {
	r := sink.NewRewrite(actions)
	for i := range actions {
		r.Keep(i).Pipeline = "enrich"
	}
	return r.Write(ctx, e.next)
}

// A decorator changes actions on their way. The caller's stay as they are, and errors name the caller's.
func ExampleRewrite() {
	es := goateetest.NewElasticsearch()
	bulk, err := sink.NewBulk(es)
	if err != nil {
		log.Fatal(err)
	}
	actions := []goatee.Action{{Change: goateetest.Insert("shop.orders", `{"_id": 1}`)}}
	if err := (enrich{bulk}).Write(context.Background(), actions); err != nil {
		log.Fatal(err)
	}
	fmt.Println(es.Bulks()[0].Items[0].Pipeline, actions[0].Pipeline == "")
	// Output: enrich true
}

// The pipeline is there before the first document that goes through it.
func ExamplePutIngestPipeline() {
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{"http://localhost:9200"}})
	if err != nil {
		log.Fatal(err)
	}
	err = sink.PutIngestPipeline(context.Background(), client, "lower", `{"processors":[{"lowercase":{"field":"email"}}]}`)
	if err != nil {
		log.Fatal(err)
	}
}

// Each change becomes an entry of an index of its day, beside the document. A change that is delivered again adds nothing.
func ExampleNewTimeMachine() {
	es := goateetest.NewElasticsearch()
	bulk, err := sink.NewBulk(es)
	if err != nil {
		log.Fatal(err)
	}
	history, err := sink.NewTimeMachine(bulk, sink.WithHistoryNamespaces("shop.orders"))
	if err != nil {
		log.Fatal(err)
	}
	actions := []goatee.Action{
		{Change: goateetest.At(goateetest.Insert("shop.orders", `{"_id": 1, "state": "new"}`), 1715990399, 1)},
		{Change: goateetest.At(goateetest.Update("shop.orders", `{"_id": 1, "state": "paid"}`, `{"state": "paid"}`), 1715990399, 2)},
	}
	for range 2 {
		if err := history.Write(context.Background(), actions); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(es.Docs("shop.orders")), len(es.Docs("log.shop.orders.2024-05-17")))
	// Output: 1 2
}

// What a document was at a time, and all that became of it.
func ExampleHistory() {
	client, err := elasticsearch.NewClient(elasticsearch.Config{Addresses: []string{"http://localhost:9200"}})
	if err != nil {
		log.Fatal(err)
	}
	history, err := sink.NewHistory(client)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if e, ok, err := history.AsOf(ctx, "shop.orders", "1", time.Now().Add(-time.Hour)); err == nil && ok {
		fmt.Printf("an hour ago: %s\n", e.Document)
	}
	for e, err := range history.Entries(ctx, "shop.orders", "1") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d: %s\n", e.ClusterTime.T, e.Document)
	}
}
