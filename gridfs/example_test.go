package gridfs_test

import (
	"context"
	"fmt"
	"log"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/source"
)

// Add the content of files to what another source brings, such as a change stream of the database.
func ExampleNewSource() {
	client, err := mongo.Connect(context.Background(), options.Client().ApplyURI("mongodb://localhost:27017"))
	if err != nil {
		log.Fatal(err)
	}
	stream, err := source.NewChangeStream(client, "shop")
	if err != nil {
		log.Fatal(err)
	}
	files, err := gridfs.NewSource(stream, client, gridfs.WithMaxFileSize(20<<20),
		gridfs.WithNamespaces(goatee.Namespace{Database: "shop", Collection: "invoices.files"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(files.Name())
}

// The wrapper does not hide what the inner source can do.
func ExampleNewSource_capabilities() {
	client, err := mongo.NewClient(options.Client().ApplyURI("mongodb://localhost")) //nolint:staticcheck // connects to nothing
	if err != nil {
		log.Fatal(err)
	}
	files, err := gridfs.NewSource(reader{}, client)
	if err != nil {
		log.Fatal(err)
	}
	read, ok := goatee.As[goatee.DirectReader](files)
	fmt.Println(ok, read.Stateful())
	// Output: true true
}
