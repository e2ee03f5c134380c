package e2e

import (
	"fmt"
	"math/rand/v2"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// idOf returns the ith _id. The types are mixed, and no two ids have the same text in Elasticsearch.
func idOf(i int) any {
	n := int64(i)
	switch i % 14 {
	case 0:
		return objectID(n)
	case 1:
		return int32(n)
	case 2:
		return 1<<40 + n
	case 3:
		return float64(n) + 0.5
	case 4:
		return fmt.Sprintf("Schlüssel %d/#?%%+ 键", n)
	case 5:
		return primitive.Binary{Subtype: bson.TypeBinaryUUID, Data: []byte(fmt.Sprintf("uuid-%011d", n))}
	case 6:
		return at(1_600_000_000_000 + n*1001)
	case 7:
		if special := []any{true, false, nil, primitive.MinKey{}}; i/14 < len(special) {
			return special[i/14] // of these types there are only so many
		}
		return float64(1_000_000 + n)
	case 8:
		return bson.D{{Key: "b", Value: int32(n)}, {Key: "a", Value: bson.D{{Key: "ref", Value: objectID(n)}}}}
	case 9:
		return primitive.Binary{Subtype: 0, Data: []byte(fmt.Sprint("bin", n))}
	case 10:
		return decimal(fmt.Sprintf("%d.250", n))
	case 11:
		return primitive.Timestamp{T: uint32(i), I: 1}
	case 12:
		return primitive.JavaScript(fmt.Sprintf("f(%d)", n))
	default:
		return primitive.Binary{Subtype: 3, Data: []byte{0x80, byte(n >> 8), byte(n)}}
	}
}

func decimal(text string) primitive.Decimal128 {
	d, err := primitive.ParseDecimal128(text)
	if err != nil {
		panic(err)
	}
	return d
}

func objectID(n int64) primitive.ObjectID {
	id := primitive.ObjectID{0x5f, 0x5f}
	for i := range 8 {
		id[11-i] = byte(n >> (8 * i))
	}
	return id
}

// fieldsOf returns a random document without an _id. A field has one type wherever it occurs, as the dynamic mapping
// demands; n, tags and price are always there, because updates build on them.
func fieldsOf(r *rand.Rand) bson.D {
	doc := bson.D{
		{Key: "n", Value: int32(r.IntN(1000))},
		{Key: "price", Value: price(r)},
		{Key: "tags", Value: bson.A{word(r), word(r)}},
	}
	for _, field := range []string{"name", "big", "amount", "when", "ok", "ref", "uid", "blob", "address", "lines",
		"ts", "none", "pattern", "code", "größe.cm", "least", "grid"} {
		if r.IntN(3) > 0 {
			doc = append(doc, bson.E{Key: field, Value: valueOf(r, field)})
		}
	}
	return doc
}

func valueOf(r *rand.Rand, field string) any {
	switch field {
	case "name":
		return word(r) + " " + word(r)
	case "big":
		return r.Int64() - r.Int64()
	case "amount":
		return decimal(fmt.Sprintf("%d.%02dE%d", r.IntN(1e9), r.IntN(100), r.IntN(8)-4))
	case "when":
		return at(r.Int64N(4_000_000_000_000) - 1_000_000_000_000)
	case "ok":
		return r.IntN(2) == 0
	case "ref":
		return objectID(r.Int64())
	case "uid":
		return primitive.Binary{Subtype: 4, Data: []byte(fmt.Sprintf("uuid-%011d", r.IntN(1e9)))}
	case "blob":
		return primitive.Binary{Data: []byte(word(r))}
	case "address":
		return bson.D{
			{Key: "city", Value: word(r)},
			{Key: "geo", Value: bson.A{price(r), price(r)}},
			{Key: "empty", Value: bson.D{}},
		}
	case "lines":
		return bson.A{line(r), line(r)}
	case "ts":
		return primitive.Timestamp{T: r.Uint32(), I: r.Uint32()}
	case "pattern":
		return primitive.Regex{Pattern: "^" + word(r), Options: "i"}
	case "code":
		return primitive.JavaScript(word(r))
	case "größe.cm":
		return r.Int32()
	case "least":
		return primitive.MinKey{}
	case "grid":
		return bson.A{bson.A{r.Int32N(9), r.Int32N(9)}, bson.A{}}
	default:
		return nil
	}
}

func line(r *rand.Rand) bson.D {
	return bson.D{{Key: "sku", Value: word(r)}, {Key: "quantity", Value: r.Int64N(100)}, {Key: "price", Value: price(r)}}
}

// price is often a whole number, which must keep its fraction.
func price(r *rand.Rand) float64 { return float64(r.IntN(4000)) / 4 }

func word(r *rand.Rand) string {
	words := [...]string{"apple", "Bär", "ça\u2028va", "<tag>&", "\"quoted\\\"", "日本", "emoji 🐐", "line\nfeed", "", "tab\t\x01"}
	return words[r.IntN(len(words))]
}
