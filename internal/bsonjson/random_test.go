package bsonjson_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// eachRandomDocument calls f with documents of all types, nested, with sorted
// keys. When f fails the seed of the document is printed.
func eachRandomDocument(t *testing.T, n int, f func(t *testing.T, raw bson.Raw)) {
	t.Helper()
	base := uint64(time.Now().UnixNano())
	seed := base
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	for ; seed < base+uint64(n); seed++ {
		g := randomSource{rand.New(rand.NewPCG(seed, 0))}
		f(t, marshal(t, g.document(4)))
	}
}

type randomSource struct{ *rand.Rand }

func (g randomSource) document(depth int) bson.D {
	keys := map[string]bool{}
	for range g.IntN(8) {
		keys[g.key()] = true
	}
	d := bson.D{}
	for key := range keys {
		d = append(d, bson.E{Key: key, Value: nil})
	}
	slices.SortFunc(d, func(a, b bson.E) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	for i := range d {
		d[i].Value = g.value(depth)
	}
	return d
}

func (g randomSource) key() string {
	return pick(g, "a", "b2", "name", "sub.field", "with space", "$ref", "_id", "é", "quo\"te", "longer than sixteen bytes", "eight888", "seven77",
		"bad\xffutf8", "", "k"+strconv.Itoa(g.IntN(1000)))
}

func (g randomSource) text() string {
	var b []byte
	for range g.IntN(1 << g.IntN(7)) {
		b = append(b, pick(g, "a", "word", " ", "é", "東", "😀", "\u2028", "\u2029", "\u2027", "<", ">", "&", "\"", "\\", "\n", "\r", "\t", "\b", "\f",
			"\x00", "\x01", "\x1f", "\x7f", "\x80", "\xff", "\xc3", "\xe2\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\xaf", "\uffff", "\ufffd", "plain ascii run")...)
	}
	return string(b)
}

func (g randomSource) value(depth int) any {
	if depth > 0 {
		switch g.IntN(6) {
		case 0:
			return g.document(depth - 1)
		case 1:
			a := bson.A{}
			for range g.IntN(1 << g.IntN(6)) {
				a = append(a, g.value(depth-3))
			}
			return a
		case 2:
			return primitive.CodeWithScope{Code: primitive.JavaScript(g.text()), Scope: g.document(depth - 2)}
		}
	}
	return pick[func() any](g,
		func() any { return g.double() },
		func() any { return g.text() },
		// At least one byte: the driver takes the inner length of an empty
		// binary of subtype 2 for its contents.
		func() any { return primitive.Binary{Subtype: byte(g.IntN(8)), Data: g.bytes(1 + g.IntN(40))} },
		func() any { return primitive.Binary{Subtype: byte(3 + g.IntN(2)), Data: g.bytes(16)} },
		func() any { return primitive.Undefined{} },
		func() any { return primitive.ObjectID(g.bytes(12)) },
		func() any { return g.IntN(2) == 0 },
		func() any { return primitive.DateTime(-62167219200000 + g.Int64N(253402300800000+62167219200000)) },
		func() any { return nil },
		func() any {
			return primitive.Regex{Pattern: pick(g, "", "^a<b", "é.*"), Options: pick(g, "", "i", "im")}
		},
		func() any { return primitive.DBPointer{DB: g.text(), Pointer: primitive.ObjectID(g.bytes(12))} },
		func() any { return primitive.JavaScript(g.text()) },
		func() any { return primitive.Symbol(g.text()) },
		func() any { return int32(g.Uint32()) >> g.IntN(32) },
		func() any { return primitive.Timestamp{T: g.Uint32(), I: uint32(g.IntN(3))} },
		func() any { return int64(g.Uint64()) >> g.IntN(64) },
		func() any { return primitive.NewDecimal128(g.Uint64()>>g.IntN(64), g.Uint64()>>g.IntN(64)) },
		func() any { return primitive.MinKey{} },
		func() any { return primitive.MaxKey{} },
	)()
}

// double returns a finite one, of every magnitude and of few decimals alike.
func (g randomSource) double() float64 {
	for {
		f := pick[func() float64](g,
			func() float64 { return math.Float64frombits(g.Uint64()) },
			func() float64 { return float64(int64(g.Uint64()) >> g.IntN(64)) },
			func() float64 { return float64(int64(g.Uint64())>>g.IntN(64)) / math.Pow10(g.IntN(12)) },
			func() float64 { return math.Pow10(g.IntN(50) - 25) },
			func() float64 { return math.Nextafter(float64(g.IntN(1e9))/100, g.Float64()*1e8) },
			func() float64 { return math.Copysign(0, -1) },
		)()
		if !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
}

func (g randomSource) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func pick[T any](g randomSource, choices ...T) T { return choices[g.IntN(len(choices))] }
