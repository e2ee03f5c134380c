package transform_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

// show prints the bulk actions that a transformer makes of changes, without versions.
func show(tr goatee.Transformer, changes ...*goatee.Change) {
	text, err := goateetest.NDJSON(tr, changes...)
	if err != nil {
		fmt.Println("error:", err)
	}
	fmt.Print(strings.ReplaceAll(text, `,"version":7301444403200000001,"version_type":"external_gte"`, ""))
}

// Upper-case all strings at the top level.
func ExampleDoc() {
	tr := transform.Doc(func(_ context.Context, doc bson.M) (bson.M, error) {
		for name, v := range doc {
			if s, ok := v.(string); ok {
				doc[name] = strings.ToUpper(s)
			}
		}
		return doc, nil
	})
	show(tr, goateetest.Insert("test.test", `{"_id": 1, "name": "ada", "born": 1815}`))
	// Output:
	// {"index":{"_index":"test.test","_id":"1"}}
	// {"born":1815,"name":"ADA"}
}

// Soft deletes: documents with a deletedAt are removed from Elasticsearch.
func ExampleDrop() {
	tr := transform.For("db.collection", transform.Drop(func(d *goatee.Document) bool {
		return d.Lookup("deletedAt").Type != 0
	}))
	show(tr,
		goateetest.Insert("db.collection", `{"_id": 1, "a": 1}`),
		goateetest.Update("db.collection", `{"_id": 1, "a": 1, "deletedAt": {"$date": "2020-01-02T00:00:00Z"}}`, nil))
	// Output:
	// {"index":{"_index":"db.collection","_id":"1"}}
	// {"a":1}
	// {"delete":{"_index":"db.collection","_id":"1"}}
}

// Index only documents that are interesting; what is ignored changes nothing in Elasticsearch.
func ExampleKeep() {
	tr := transform.For("db.collection", transform.Keep(func(c *goatee.Change) bool {
		interesting, _ := c.Document.Lookup("interesting").BooleanOK()
		return interesting
	}))
	show(tr,
		goateetest.Insert("db.collection", `{"_id": 1, "interesting": true}`),
		goateetest.Insert("db.collection", `{"_id": 2}`))
	// Output:
	// {"index":{"_index":"db.collection","_id":"1"}}
	// {"interesting":true}
}

// Replace the id of a post's author by the author. In a program the Finder reads from MongoDB.
func ExampleLookup() {
	db := goateetest.NewCollections()
	db.Put("test.users", `{"_id": 7, "name": "ada", "password": "secret"}`)

	tr := transform.For("test.posts", transform.Lookup(db, "test.users", "author",
		transform.WithProjection(bson.D{{Key: "name", Value: 1}})))
	show(tr, goateetest.Insert("test.posts", `{"_id": 1, "title": "Hello", "author": 7}`))
	// Output:
	// {"index":{"_index":"test.posts","_id":"1"}}
	// {"title":"Hello","author":{"_id":7,"name":"ada"}}
}

// Ask a service about each document. An error that may pass is wrapped in goatee.Retry: the pipeline transforms the change
// again later, and meanwhile goes on with the others. Any other error makes a dead letter.
func Example_retry() {
	requests := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "blue")
	}))
	defer service.Close()

	color := func(ctx context.Context, product string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, service.URL+"/colors/"+url.PathEscape(product), nil)
		if err != nil {
			return "", err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", goatee.Retry(err) // there is no answer
		}
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		switch {
		case err != nil:
			return "", goatee.Retry(err)
		case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
			return "", goatee.Retry(fmt.Errorf("the service answers %s", res.Status))
		case res.StatusCode != http.StatusOK:
			return "", fmt.Errorf("the service answers %s", res.Status) // this product will never have a color
		}
		return string(body), nil
	}
	tr := transform.Doc(func(ctx context.Context, doc bson.M) (bson.M, error) {
		var err error
		doc["color"], err = color(ctx, fmt.Sprint(doc["_id"]))
		return doc, err
	})
	for range 2 { // as the pipeline does by itself
		show(tr, goateetest.Insert("shop.products", `{"_id": "kettle"}`))
	}
	// Output:
	// error: change 0 (insert shop.products): the service answers 503 Service Unavailable
	// {"index":{"_index":"shop.products","_id":"kettle"}}
	// {"color":"blue"}
}

// Keep the comments of a post together on one shard.
func ExampleRoutingField() {
	tr := transform.For("blog.comments", transform.RoutingField("post_id"))
	show(tr,
		goateetest.Insert("blog.comments", `{"_id": 1, "title": "Did you read this?", "post_id": "123"}`),
		goateetest.DeleteOf("blog.comments", `{"_id": 1, "title": "Did you read this?", "post_id": "123"}`))
	// Output:
	// {"index":{"_index":"blog.comments","_id":"1","routing":"123"}}
	// {"title":"Did you read this?","post_id":"123"}
	// {"delete":{"_index":"blog.comments","_id":"1","routing":"123"}}
}

// Comments with a high score go to an index of their own. The name begins with the namespace, so that dropping the
// database deletes that index too.
func ExampleEdit() {
	tr := transform.For("blog.comments", transform.Chain(
		transform.RoutingField("post_id"),
		transform.Edit(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
			if a.Kind != goatee.ActionIndex {
				return nil
			}
			if score, _ := a.Body().Lookup("score").AsInt64OK(); score >= 100 {
				a.Index = "blog.comments.highscore"
			}
			return nil
		}),
	))
	show(transform.AskOnDelete(tr),
		goateetest.Insert("blog.comments", `{"_id": 1, "score": 100, "post_id": "123"}`),
		goateetest.Insert("blog.comments", `{"_id": 2, "score": 3, "post_id": "123"}`),
		goateetest.DeleteOf("blog.comments", `{"_id": 1, "score": 100, "post_id": "123"}`))
	// Output:
	// {"index":{"_index":"blog.comments.highscore","_id":"1","routing":"123"}}
	// {"score":100,"post_id":"123"}
	// {"index":{"_index":"blog.comments","_id":"2","routing":"123"}}
	// {"score":3,"post_id":"123"}
	// {"delete":{"_index":"blog.comments.highscore","_id":"1","routing":"123"}}
}

// Questions and answers in one collection become parents and children.
func ExampleJoin() {
	join := transform.Join("my_join_field", func(d *goatee.Document) (transform.Relation, error) {
		kind, _ := d.Lookup("type").StringValueOK()
		question, err := transform.Text(d.Lookup("question"))
		return transform.Relation{Name: kind, Parent: question}, err
	})
	tr := transform.For("test.test", transform.Chain(join, transform.Omit("type", "question")))
	show(tr,
		goateetest.Insert("test.test", `{"_id": {"$oid": "5a84a8b826993bde57c12893"}, "type": "question", "text": "This is a question"}`),
		goateetest.Insert("test.test", `{"_id": {"$oid": "5a84a92b26993bde57c12894"}, "type": "answer", "text": "This is an answer",
			"question": {"$oid": "5a84a8b826993bde57c12893"}}`))
	// Output:
	// {"index":{"_index":"test.test","_id":"5a84a8b826993bde57c12893"}}
	// {"text":"This is a question","my_join_field":{"name":"question"}}
	// {"index":{"_index":"test.test","_id":"5a84a92b26993bde57c12894","routing":"5a84a8b826993bde57c12893"}}
	// {"text":"This is an answer","my_join_field":{"name":"answer","parent":"5a84a8b826993bde57c12893"}}
}

// Branches and their employees: what used to be _type and _parent is a join field.
func ExampleJoin_company() {
	join := transform.Join("company", func(d *goatee.Document) (transform.Relation, error) {
		kind, _ := d.Lookup("type").StringValueOK()
		branch, err := transform.Text(d.Lookup("branch"))
		return transform.Relation{Name: kind, Parent: branch}, err
	})
	tr := transform.Chain(
		transform.For("test.company", transform.Chain(join, transform.Omit("branch", "type"))),
		transform.Index(transform.Exact("test.company", "company")),
	)
	show(tr,
		goateetest.Insert("test.company", `{"_id": "london", "type": "branch", "name": "London Westminster", "city": "London", "country": "UK"}`),
		goateetest.Insert("test.company", `{"_id": "alice", "type": "employee", "name": "Alice Smith", "branch": "london"}`))
	// Output:
	// {"index":{"_index":"company","_id":"london"}}
	// {"name":"London Westminster","city":"London","country":"UK","company":{"name":"branch"}}
	// {"index":{"_index":"company","_id":"alice","routing":"london"}}
	// {"name":"Alice Smith","company":{"name":"employee","parent":"london"}}
}

// Leave secrets out, without decoding the document.
func ExampleOmit() {
	show(transform.Omit("password", "cards.number"),
		goateetest.Insert("shop.users", `{"_id": 1, "name": "ada", "password": "x", "cards": [{"number": "4111", "until": "12/30"}]}`))
	// Output:
	// {"index":{"_index":"shop.users","_id":"1"}}
	// {"name":"ada","cards":[{"until":"12/30"}]}
}

// Many tenants' collections go to indices named after the tenant.
func ExampleIndex() {
	tr := transform.Index(transform.Pattern(`shop_(.*)\.orders`, "orders-$1"))
	show(tr, goateetest.Insert("shop_EU.orders", `{"_id": 1}`), goateetest.Drop("shop_EU.orders"))
	// Output:
	// {"index":{"_index":"orders-eu","_id":"1"}}
	// {}
	// {"drop":{"_index":"orders-eu"}}
}

type article struct {
	ID    int    `bson:"_id"`
	Title string `bson:"title"`
	Words int    `bson:"words"`
}

// Work with a struct of one's own.
func ExampleTyped() {
	tr := transform.Typed(func(_ context.Context, a article) (any, error) {
		return bson.D{{Key: "title", Value: a.Title}, {Key: "long", Value: a.Words > 1000}}, nil
	})
	show(tr, goateetest.Insert("blog.articles", `{"_id": 1, "title": "Bulk actions", "words": 2300}`))
	// Output:
	// {"index":{"_index":"blog.articles","_id":"1"}}
	// {"title":"Bulk actions","long":true}
}
