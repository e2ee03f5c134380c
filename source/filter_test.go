package source

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	monitoring "go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// namespacePattern matches the namespaces of one database.
func namespacePattern(db string) *regexp.Regexp {
	return regexp.MustCompile(`^` + regexp.QuoteMeta(db) + `\.`)
}

func TestFilter(t *testing.T) {
	re := regexp.MustCompile
	ns := func(db, collection string) goatee.Namespace {
		return goatee.Namespace{Database: db, Collection: collection}
	}
	tests := []struct {
		name         string
		filter       filter
		ns           goatee.Namespace
		passes, drop bool
	}{
		{"everything", filter{}, ns("shop", "orders"), true, true},
		{"state database", filter{databases: []string{"monstache"}}, ns("monstache", "tokens"), false, false},
		{"other database", filter{databases: []string{"monstache"}}, ns("monstache2", "tokens"), true, true},
		{"system collection", filter{}, ns("shop", "system.views"), false, false},
		{"system inside the name", filter{}, ns("shop", "mysystem.data"), true, true},
		{"chunks", filter{}, ns("shop", "fs.chunks"), false, false},
		{"files", filter{}, ns("shop", "fs.files"), true, true},
		{"include", filter{include: re(`^shop\.`)}, ns("shop", "orders"), true, true},
		{"include leaves out", filter{include: re(`^shop\.`)}, ns("blog", "posts"), false, true},
		{"exclude", filter{exclude: re(`\.tmp`)}, ns("shop", "tmp1"), false, true},
		{"drop include leaves out", filter{dropInclude: re(`^shop\.`)}, ns("blog", "posts"), true, false},
		{"drop exclude", filter{dropExclude: re(`^shop\.`)}, ns("shop", "orders"), true, false},
		{"database drop as cmd", filter{dropInclude: re(`^shop\.cmd$`)}, ns("shop", ""), true, true},
		{"database drop as $cmd", filter{dropInclude: re(`^shop\.\$cmd$`)}, ns("shop", ""), true, true},
		{"database drop excluded as $cmd", filter{dropExclude: re(`^shop\.\$cmd$`)}, ns("shop", ""), true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.passes, tt.filter.passes(tt.ns))
			require.Equal(t, tt.drop, tt.filter.passesDrop(tt.ns))
		})
	}
}

// TestFilterIsPushedDown runs the same expressions in MongoDB: what must come comes, at both levels that filter there.
func TestFilterIsPushedDown(t *testing.T) {
	for _, level := range []string{"deployment", "database"} {
		t.Run(level, func(t *testing.T) {
			f := setup(t)
			name := regexp.QuoteMeta(f.db.Name())
			target := f.db.Name()
			if level == "deployment" {
				target = ""
			}
			stream, from := f.stream(t, target,
				WithInclude(regexp.MustCompile(`^`+name+`\.(?:keep|drop_me|system|fs)`)),
				WithExclude(regexp.MustCompile(`(?i)DROP_ME`)),
				WithDropInclude(regexp.MustCompile(`^`+name+`\.`)),
				WithDropExclude(regexp.MustCompile(`\.never$`)),
				WithExcludeDatabases("monstache"))
			f.insert(t, "keep", d("_id", 1))
			f.insert(t, "drop_me", d("_id", 2))
			f.insert(t, "other", d("_id", 3))
			f.insert(t, "fs.chunks", d("_id", 4))
			f.insert(t, "never", d("_id", 5))
			f.update(t, "keep", 1, d("$set", d("v", 1)))
			for _, c := range []string{"never", "other", "fs.chunks", "drop_me"} {
				require.NoError(t, f.db.Collection(c).Drop(t.Context()))
			}
			f.delete(t, "keep", 1)
			require.NoError(t, f.db.Drop(t.Context()))
			got, _ := run(t, stream, from)
			want := []string{
				"insert keep 1", "update keep 1", "drop other", "drop drop_me", "delete keep 1", "drop keep", "dropDatabase",
			}
			require.Equal(t, want, got.lines(t, len(want))[:len(want)])
		})
	}
}

// What MongoDB leaves out are events of documents that the client would leave out, and nothing else.
func TestStage(t *testing.T) {
	f := setup(t)
	re := regexp.MustCompile
	filters := map[string]filter{
		"everything":      {},
		"databases":       {databases: []string{"admin", "monstache"}},
		"include":         {include: re(`^shop\.`)},
		"exclude":         {exclude: re(`(?i)\.ORD`)},
		"include exclude": {include: re(`^shop\.|files`), exclude: re(`tmp`), databases: []string{"blog"}},
	}
	namespaces := []goatee.Namespace{
		{Database: "shop", Collection: "orders"}, {Database: "shop", Collection: "tmp"}, {Database: "blog", Collection: "posts"},
		{Database: "shop", Collection: "fs.files"}, {Database: "shop", Collection: "fs.chunks"},
		{Database: "shop", Collection: "fs.chunks.old"}, {Database: "shop", Collection: "a.chunks.chunks"},
		{Database: "monstache", Collection: "tokens"}, {Database: "shop", Collection: "chunks"},
		{Database: "shop", Collection: "odd.chunks\n"},
	}
	for name, filter := range filters {
		t.Run(name, func(t *testing.T) {
			var events bson.A
			var want []string
			for _, ns := range namespaces {
				for _, op := range []string{"insert", "delete", "drop", "rename", "dropDatabase", "createIndexes"} {
					at := d("db", ns.Database, "coll", ns.Collection)
					if op == "dropDatabase" {
						at = d("db", ns.Database)
					}
					events = append(events, d("operationType", op, "ns", at))
					if (op != "insert" && op != "delete") || filter.passes(ns) {
						want = append(want, fmt.Sprint(op, at))
					}
				}
			}
			cursor, err := f.db.Aggregate(t.Context(), bson.A{
				d("$documents", events), filter.stage(goatee.Namespace{}, true),
			})
			require.NoError(t, err)
			var got []string
			for cursor.Next(t.Context()) {
				var event struct {
					Op string `bson:"operationType"`
					At bson.D `bson:"ns"`
				}
				require.NoError(t, cursor.Decode(&event))
				got = append(got, fmt.Sprint(event.Op, event.At))
			}
			require.NoError(t, cursor.Err())
			require.Equal(t, want, got)
		})
	}
}

// MongoDB filters the namespaces of a stream when that pays, and nothing is missed while it begins to.
func TestFilterIsPushedDownWhenItPays(t *testing.T) {
	f := setup(t)
	var opened, filtered atomic.Int32
	monitor := &monitoring.CommandMonitor{Started: func(_ context.Context, e *monitoring.CommandStartedEvent) {
		if e.CommandName == "aggregate" {
			opened.Add(1)
			if bytes.Contains(e.Command, []byte("$redact")) {
				filtered.Add(1)
			}
		}
	}}
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(f.server.URI()).SetMonitor(monitor))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.Background())) })
	watched := f
	watched.client = client
	stream, from := watched.stream(t, f.db.Name())
	got, _ := run(t, stream, from)
	chunk := primitive.Binary{Data: make([]byte, 255<<10)}
	var want []string
	for i := range 20 {
		f.insert(t, "fs.chunks", d("_id", i, "data", chunk))
		f.insert(t, "fs.files", d("_id", i))
		want = append(want, fmt.Sprintf("insert fs.files %d", i))
		if i == 2 { // less than a megabyte
			require.Equal(t, want, got.lines(t, 3))
			require.Equal(t, int32(1), opened.Load())
			require.Zero(t, filtered.Load())
		}
	}
	require.Equal(t, want, got.lines(t, len(want)))
	require.Equal(t, int32(2), opened.Load())
	require.Equal(t, int32(1), filtered.Load())
}
