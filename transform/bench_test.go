package transform_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/transform"
)

const batchSize = 1000

func benchDocument(tb testing.TB) bson.Raw {
	doc := bson.D{{Key: "_id", Value: 1}, {Key: "orderNo", Value: "A-1"}, {Key: "password", Value: "secret"}}
	lines := bson.A{}
	for i := range 8 {
		lines = append(lines, bson.D{{Key: "sku", Value: "sku-123456"}, {Key: "qty", Value: int32(i)}, {Key: "price", Value: 9.95}})
	}
	doc = append(doc, bson.E{Key: "customer", Value: bson.D{{Key: "name", Value: "Ada"}, {Key: "email", Value: "a@example.org"}}},
		bson.E{Key: "lines", Value: lines}, bson.E{Key: "note", Value: "some text that is as long as notes are"})
	raw, err := bson.Marshal(doc)
	require.NoError(tb, err)
	return raw
}

// BenchmarkTransform reports the time for one document, encoding to JSON included, which is what the pipeline does with
// a document that no transformer touches.
func BenchmarkTransform(b *testing.B) {
	raw := benchDocument(b)
	for name, tr := range map[string]goatee.Transformer{
		"untouched": transform.Chain(),
		"metadata": transform.Chain(transform.Index(transform.Exact("shop.orders", "orders")),
			transform.RoutingField("orderNo"), transform.Pipeline("p")),
		"raw": transform.Chain(transform.Omit("customer.email", "password"), transform.Rename("orderNo", "number"),
			transform.Set("source", "shop")),
		"doc": transform.Doc(func(_ context.Context, m bson.M) (bson.M, error) { delete(m, "password"); return m, nil }),
	} {
		b.Run(name, func(b *testing.B) { benchTransform(b, raw, tr.(goatee.BatchTransformer)) })
	}
}

func benchTransform(b *testing.B, raw bson.Raw, tr goatee.BatchTransformer) {
	changes := make([]goatee.Change, batchSize)
	actions := make([]goatee.Action, batchSize)
	items := make([]goatee.Item, batchSize)
	var body []byte
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for n := 0; n < b.N; n += batchSize {
		for i := range items {
			changes[i] = goatee.Change{
				Op: goatee.OpInsert, Namespace: goatee.Namespace{Database: "shop", Collection: "orders"},
				Document: goatee.NewDocument(raw),
			}
			actions[i] = goatee.Action{Change: &changes[i]}
			items[i] = goatee.Item{Change: &changes[i], Actions: actions[i : i+1 : i+1]}
		}
		if err := tr.TransformBatch(context.Background(), items); err != nil {
			b.Fatal(err)
		}
		body = encodeAll(b, body[:0], items)
	}
}

func encodeAll(b *testing.B, body []byte, items []goatee.Item) []byte {
	for i := range items {
		if items[i].Err != nil {
			b.Fatal(items[i].Err)
		}
		d := items[i].Actions[0].Body()
		var err error
		if d.IsDecoded() {
			m, _ := d.Map()
			body, err = bsonjson.AppendValue(body, m, &bsonjson.Options{OmitID: true})
		} else {
			raw, _ := d.Raw()
			body, err = bsonjson.AppendDocument(body, raw, &bsonjson.Options{OmitID: true})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return body
}

// BenchmarkLookup reports the time for a batch with a thousand distinct references, looked up together and one by one.
func BenchmarkLookup(b *testing.B) {
	db := database(b)
	users := make([]any, batchSize)
	changes := make([]*goatee.Change, batchSize)
	for i := range users {
		users[i] = bson.M{"_id": i, "name": "ada"}
		changes[i] = goateetest.Insert("blog.posts", bson.M{"_id": i, "author": i})
	}
	insert(b, db, "users", users...)
	tr := transform.Lookup(mongoFinder(b, db.Client()), db.Name()+".users", "author")
	one := goatee.TransformFunc(tr.Transform) // without the batch form
	for name, tr := range map[string]goatee.Transformer{"batch": tr, "one by one": one} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				items, err := goateetest.Run(context.Background(), tr, changes...)
				require.NoError(b, err)
				require.NoError(b, items[batchSize-1].Err)
			}
		})
	}
}
