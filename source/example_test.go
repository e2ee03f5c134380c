package source_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"regexp"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/source"
)

// Follow a database and read the collections that are there already. WithSource gives them to a Syncer.
func Example() {
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI("mongodb://localhost:27017/?replicaSet=rs0"))
	if err != nil {
		log.Fatal(err)
	}
	stream, err := source.NewChangeStream(client, "shop", source.WithExclude(regexp.MustCompile(`\.tmp_`)))
	if err != nil {
		log.Fatal(err)
	}
	sources := []goatee.Source{stream}
	for _, namespace := range []string{"shop.orders", "shop.customers"} {
		read, err := source.NewDirectRead(client, namespace, source.WithStateful(true))
		if err != nil {
			log.Fatal(err)
		}
		sources = append(sources, read)
	}
	for _, s := range sources {
		fmt.Println(s.Name())
	}
}

// Names are checked before anything is connected.
func ExampleNewDirectRead_misuse() {
	_, err := source.NewDirectRead(unconnected(), "shop.orders ")
	var config *goatee.ConfigError
	if errors.As(err, &config) {
		fmt.Println(config.Setting)
		fmt.Println(config.Problem)
	}
	// Output:
	// source.NewDirectRead namespace
	// "shop.orders ": as the name of a collection: there is white space around it
}

// A source says what it is, so that its position can be stored apart from others.
func ExampleChangeStream_SourceID() {
	stream, err := source.NewChangeStream(unconnected(), "shop.orders")
	if err != nil {
		log.Fatal(err)
	}
	id := stream.SourceID()
	fmt.Println(id.Name, "/", id.Kind, "/", id.Namespace)
	// Output: change-stream:shop.orders / change stream / shop.orders
}

// No more than two of many direct reads run at the same time.
func ExampleWithTurns() {
	turns, err := source.NewTurns(2)
	if err != nil {
		log.Fatal(err)
	}
	for _, namespace := range []string{"shop.orders", "shop.customers", "shop.returns"} {
		read, err := source.NewDirectRead(unconnected(), namespace, source.WithTurns(turns))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(read.Name())
	}
	// Output:
	// direct-read:shop.orders
	// direct-read:shop.customers
	// direct-read:shop.returns
}

// A query that MongoDB refuses for what it asks for, or for one of the documents, is told from a failed connection.
func ExampleFinder_Find() {
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI("mongodb://localhost:27017"))
	if err != nil {
		log.Fatal(err)
	}
	finder, err := source.NewFinder(client)
	if err != nil {
		log.Fatal(err)
	}
	users := goatee.Namespace{Database: "blog", Collection: "users"}
	byName := bson.D{{Key: "name", Value: bson.D{{Key: "$in", Value: bson.A{"ann", "bob"}}}}}
	for doc, err := range finder.Find(context.Background(), users, byName, nil) {
		var told interface{ QueryRefused() bool }
		switch {
		case errors.As(err, &told) && told.QueryRefused():
			fmt.Println("ask for one name at a time:", err)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println(doc.Lookup("_id"))
		}
	}
}

// unconnected returns a client for what does no I/O.
func unconnected() *mongo.Client {
	client, err := mongo.NewClient(options.Client().ApplyURI("mongodb://localhost")) //nolint:staticcheck // connects to nothing
	if err != nil {
		log.Fatal(err)
	}
	return client
}
