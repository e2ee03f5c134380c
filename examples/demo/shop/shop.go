// Package shop makes the documents of a shop: customers, products and orders. The same number always gives the same
// documents.
package shop

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// The collections.
const (
	Customers = "customers"
	Products  = "products"
	Orders    = "orders"
)

// Collection is one collection to fill.
type Collection struct {
	Name  string
	Count int
	// Document makes the i-th document.
	Document func(i int) bson.D
}

// Collections divides about total documents among the collections; the least is one of each.
func Collections(total int) []Collection {
	customers, products := max(1, total/5), max(1, total/10)
	orders := max(1, total-customers-products)
	return []Collection{
		{Customers, customers, customer},
		{Products, products, product},
		{Orders, orders, func(i int) bson.D { return order(i, customers, products) }},
	}
}

// opened is when the shop opened: no document is older.
var opened = time.Date(2021, 3, 1, 8, 0, 0, 0, time.UTC)

// random returns the source of one document's values.
func random(kind byte, i int) *rand.Rand { return rand.New(rand.NewPCG(uint64(kind), uint64(i))) }

// objectID returns the id of the i-th document of a kind. Ids grow as those that drivers make.
func objectID(kind byte, i int) primitive.ObjectID {
	var id primitive.ObjectID
	binary.BigEndian.PutUint32(id[:], uint32(opened.Unix()+int64(i)))
	id[4] = kind
	return id
}

func sku(i int) string { return fmt.Sprintf("SKU-%06d", i) }

func cents(n int64) primitive.Decimal128 {
	d, err := primitive.ParseDecimal128(fmt.Sprintf("%d.%02d", n/100, n%100))
	if err != nil {
		panic(err) // a number with two decimals always is one
	}
	return d
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func moment(r *rand.Rand) primitive.DateTime {
	return primitive.NewDateTimeFromTime(opened.Add(time.Duration(r.Int64N(int64(4 * 365 * 24 * time.Hour)))))
}

func address(r *rand.Rand) bson.D {
	return bson.D{
		{Key: "street", Value: fmt.Sprintf("%d %s %s", 1+r.IntN(200), pick(r, nouns), pick(r, []string{"Street", "Lane", "Road"}))},
		{Key: "city", Value: pick(r, cities)},
		{Key: "zip", Value: fmt.Sprintf("%05d", r.IntN(100_000))},
		{Key: "location", Value: bson.D{{Key: "lat", Value: 35 + 25*r.Float64()}, {Key: "lon", Value: -10 + 35*r.Float64()}}},
	}
}

func customer(i int) bson.D {
	r := random('c', i)
	first, last := pick(r, firstNames), pick(r, lastNames)
	doc := bson.D{
		{Key: "_id", Value: objectID('c', i)},
		{Key: "name", Value: bson.D{{Key: "first", Value: first}, {Key: "last", Value: last}}},
		{Key: "email", Value: fmt.Sprintf("%s.%s.%d@example.com", strings.ToLower(first), strings.ToLower(last), i)},
		{Key: "address", Value: address(r)},
		{Key: "joined", Value: moment(r)},
		{Key: "credit", Value: cents(r.Int64N(100_000))},
		{Key: "newsletter", Value: r.IntN(3) == 0},
	}
	if r.IntN(2) == 0 {
		doc = append(doc, bson.E{Key: "interests", Value: bson.A{pick(r, categories), pick(r, categories)}})
	}
	return doc
}

func product(i int) bson.D {
	r := random('p', i)
	return bson.D{
		{Key: "_id", Value: sku(i)},
		{Key: "name", Value: productName(i)},
		{Key: "category", Value: pick(r, categories)},
		{Key: "price", Value: price(i)},
		{Key: "stock", Value: int32(r.IntN(500))},
		{Key: "weight", Value: 0.1 + 20*r.Float64()},
		{Key: "size", Value: bson.D{{Key: "w", Value: r.IntN(200)}, {Key: "h", Value: r.IntN(200)}, {Key: "d", Value: r.IntN(200)}}},
		{Key: "released", Value: moment(r)},
		{Key: "ratings", Value: bson.A{int32(1 + r.IntN(5)), int32(1 + r.IntN(5)), int32(1 + r.IntN(5))}},
		{Key: "description", Value: fmt.Sprintf("A %s for every %s. %s, %s and made in %s.", productName(i),
			strings.ToLower(pick(r, nouns)), pick(r, adjectives), strings.ToLower(pick(r, adjectives)), pick(r, cities))},
	}
}

func productName(i int) string {
	r := random('n', i)
	return pick(r, adjectives) + " " + pick(r, nouns)
}

func price(i int) primitive.Decimal128 { return cents(priceCents(i)) }

func priceCents(i int) int64 { return 99 + random('$', i).Int64N(50_000) }

func order(i, customers, products int) bson.D {
	r := random('o', i)
	var lines bson.A
	var total int64
	for range 1 + r.IntN(4) {
		p, quantity := r.IntN(products), 1+r.IntN(3)
		total += priceCents(p) * int64(quantity)
		lines = append(lines, bson.D{
			{Key: "sku", Value: sku(p)}, {Key: "name", Value: productName(p)},
			{Key: "quantity", Value: int32(quantity)}, {Key: "price", Value: price(p)},
		})
	}
	placed := moment(r)
	doc := bson.D{
		{Key: "_id", Value: objectID('o', i)},
		{Key: "number", Value: int64(1_000_000 + i)},
		{Key: "customer", Value: objectID('c', r.IntN(customers))},
		{Key: "placed", Value: placed},
		{Key: "status", Value: pick(r, statuses)},
		{Key: "lines", Value: lines},
		{Key: "total", Value: cents(total)},
		{Key: "shipTo", Value: address(r)},
	}
	if r.IntN(4) == 0 {
		doc = append(doc, bson.E{Key: "note", Value: "Leave it with the " + strings.ToLower(pick(r, nouns)) + " next door."})
	}
	return doc
}
