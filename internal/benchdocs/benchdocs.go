// Package benchdocs makes the documents that benchmarks measure with: small and
// flat, medium and nested, large with much text. Document i is always the same,
// and its _id is an ObjectID that grows with i.
package benchdocs

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// ID returns the _id of document i.
func ID(i int) primitive.ObjectID {
	var id primitive.ObjectID
	binary.BigEndian.PutUint32(id[:], uint32(start.Unix()))
	binary.BigEndian.PutUint64(id[4:], uint64(i))
	return id
}

// Small returns a flat document of about 184 bytes.
func Small(i int) bson.Raw {
	g := newGenerator(i)
	return encode(bson.D{
		{Key: "_id", Value: ID(i)},
		{Key: "sku", Value: g.code(8)},
		{Key: "name", Value: g.text(3)},
		{Key: "qty", Value: int32(g.IntN(500))},
		{Key: "price", Value: g.price()},
		{Key: "active", Value: g.IntN(2) == 0},
		{Key: "seq", Value: int64(i)},
		{Key: "updated", Value: g.date()},
		{Key: "category", Value: g.word()},
		{Key: "note", Value: nil},
		{Key: "store", Value: g.code(12)},
	})
}

// Medium returns a nested document of about 1050 bytes, with dates, arrays,
// ObjectIDs and text that is not ASCII.
func Medium(i int) bson.Raw {
	g := newGenerator(i)
	items := make(bson.A, 4)
	for n := range items {
		items[n] = bson.D{
			{Key: "product", Value: g.objectID()},
			{Key: "title", Value: g.text(3)},
			{Key: "qty", Value: int32(1 + g.IntN(9))},
			{Key: "price", Value: g.price()},
		}
	}
	return encode(bson.D{
		{Key: "_id", Value: ID(i)},
		{Key: "orderNo", Value: "A-" + g.code(10)},
		{Key: "status", Value: g.word()},
		{Key: "created", Value: g.date()},
		{Key: "updated", Value: g.date()},
		{Key: "total", Value: g.price()},
		{Key: "paid", Value: g.IntN(2) == 0},
		{Key: "customer", Value: bson.D{
			{Key: "id", Value: g.objectID()},
			{Key: "name", Value: "Zoë Müller-Łukasz " + g.code(4)},
			{Key: "email", Value: g.code(9) + "@example.org"},
			{Key: "address", Value: bson.D{
				{Key: "street", Value: "Königstraße " + g.code(3)},
				{Key: "city", Value: "東京 " + g.word()},
				{Key: "zip", Value: g.code(5)},
				{Key: "geo", Value: bson.A{g.coordinate(90), g.coordinate(180)}},
			}},
		}},
		{Key: "items", Value: items},
		{Key: "tags", Value: bson.A{g.word(), g.word(), g.word(), g.word()}},
		{Key: "history", Value: bson.A{
			bson.D{{Key: "at", Value: g.date()}, {Key: "state", Value: g.word()}},
			bson.D{{Key: "at", Value: g.date()}, {Key: "state", Value: g.word()}},
		}},
		{Key: "currency", Value: "EUR"},
		{Key: "editor", Value: g.objectID()},
		{Key: "note", Value: "Größe geprüft – naïve façade, 大丈夫"},
		{Key: "version", Value: int64(i)},
		{Key: "comment", Value: g.text(12)},
	})
}

// Large returns a document of about 19.9 KB: 90 sub-documents and 1250 words.
func Large(i int) bson.Raw {
	g := newGenerator(i)
	lines := make(bson.A, 90)
	for n := range lines {
		lines[n] = bson.D{
			{Key: "line", Value: int32(n)},
			{Key: "ref", Value: g.objectID()},
			{Key: "sku", Value: g.code(10)},
			{Key: "label", Value: g.text(3)},
			{Key: "qty", Value: int32(1 + g.IntN(99))},
			{Key: "amount", Value: g.price()},
			{Key: "at", Value: g.date()},
		}
	}
	return encode(bson.D{
		{Key: "_id", Value: ID(i)},
		{Key: "title", Value: g.text(8)},
		{Key: "created", Value: g.date()},
		{Key: "lines", Value: lines},
		{Key: "body", Value: g.text(1250)},
	})
}

var (
	start = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	words = [...]string{"amber", "binary", "castle", "delta", "ember", "falcon", "garden", "harbor",
		"island", "jungle", "kernel", "lantern", "meadow", "nectar", "orbit", "pepper", "quartz",
		"river", "signal", "timber", "umbra", "velvet", "willow", "xenon", "yonder", "zephyr"}
)

type generator struct{ *rand.Rand }

func newGenerator(i int) generator {
	return generator{rand.New(rand.NewPCG(uint64(i), 1))}
}

func (g generator) word() string { return words[g.IntN(len(words))] }

func (g generator) text(n int) string {
	var text []byte
	for range n {
		text = append(append(text, g.word()...), ' ')
	}
	return string(text[:len(text)-1])
}

func (g generator) code(n int) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	code := make([]byte, n)
	for i := range code {
		code[i] = digits[g.IntN(len(digits))]
	}
	return string(code)
}

func (g generator) objectID() (id primitive.ObjectID) {
	binary.BigEndian.PutUint32(id[:], uint32(start.Unix()))
	binary.BigEndian.PutUint64(id[4:], g.Uint64())
	return id
}

func (g generator) price() float64 { return float64(g.IntN(100000)) / 100 }

func (g generator) coordinate(limit int) float64 {
	return float64(g.IntN(2*limit*1e6)-limit*1e6) / 1e6
}

func (g generator) date() primitive.DateTime {
	return primitive.NewDateTimeFromTime(start.Add(time.Duration(g.Int64N(5*365*24*3600*1000)) * time.Millisecond))
}

func encode(doc bson.D) bson.Raw {
	raw, err := bson.Marshal(doc)
	if err != nil {
		panic(err) // all values above are encodable
	}
	return raw
}
