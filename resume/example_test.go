package resume_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/resume"
)

// Positions in the database goatee, under a name that no other process uses. The pipeline leaves out the changes of these
// collections, so that the store may be in the deployment that is followed.
func ExampleNewMongo() {
	ctx := context.Background()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://127.0.0.1:27017"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Disconnect(ctx) }()

	positions, err := resume.NewMongo(client.Database("goatee"), "orders")
	if err != nil {
		log.Fatal(err)
	}
	option := goatee.WithPositions(positions)
	_ = option // pass it to goatee.New
}

// Continue where Monstache stopped: its database, and its resume-name.
func ExampleNewMongo_monstache() {
	ctx := context.Background()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI("mongodb://127.0.0.1:27017"))
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Disconnect(ctx) }()

	positions, err := resume.NewMongo(client.Database("monstache"), "default", resume.WithStrategy(resume.Timestamp))
	if err != nil {
		log.Fatal(err)
	}
	option := goatee.WithPositions(positions)
	_ = option // pass it to goatee.New
}

// A single process can keep its positions in a file.
func ExampleNewFile() {
	dir, err := os.MkdirTemp("", "goatee")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "positions.json")

	ctx := context.Background()
	source := goatee.SourceID{
		Name: "change-stream:shop.orders", Kind: goatee.KindChangeStream,
		Namespace: goatee.Namespace{Database: "shop", Collection: "orders"},
	}
	position := goatee.Position{ClusterTime: primitive.Timestamp{T: 1700000000, I: 1}}
	err = resume.NewFile(path).Save(ctx, 0, []goatee.SourcePosition{{SourceID: source, Position: position}})
	if err != nil {
		log.Fatal(err)
	}

	// The next run.
	stored, err := resume.NewFile(path).Load(ctx, source)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored)
	// Output: time 1700000000.1
}

// Without a store that outlasts the process, everything is read again at the next start.
func ExampleNewMemory() {
	positions := resume.NewMemory()
	stored, err := positions.Load(context.Background(), goatee.SourceID{Name: "change-stream:shop.orders"})
	fmt.Println(stored, err)
	// Output: none <nil>
}
