package bsonjson_test

import (
	"encoding/json"
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/benchdocs"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

var shapes = []struct {
	name string
	make func(int) bson.Raw
}{
	{"small", benchdocs.Small},
	{"medium", benchdocs.Medium},
	{"large", benchdocs.Large},
}

// benchmark runs f over 64 different documents of each shape.
func benchmark(b *testing.B, f func(b *testing.B, doc bson.Raw)) {
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			var docs [64]bson.Raw
			size := 0
			for i := range docs {
				docs[i] = shape.make(i)
				size += len(docs[i])
			}
			b.SetBytes(int64(size / len(docs)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f(b, docs[i%len(docs)])
			}
		})
	}
}

func BenchmarkAppendDocument(b *testing.B) {
	dst := make([]byte, 0, 1<<20)
	options := &bsonjson.Options{OmitID: true}
	benchmark(b, func(b *testing.B, doc bson.Raw) {
		out, err := bsonjson.AppendDocument(dst, doc, options)
		if err != nil || len(out) == 0 {
			b.Fatal(err)
		}
	})
}

func BenchmarkDriverAndEncodingJSON(b *testing.B) {
	benchmark(b, func(b *testing.B, doc bson.Raw) {
		var m bson.M
		if err := bson.Unmarshal(doc, &m); err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(m); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkDecodeMap(b *testing.B) {
	benchmark(b, func(b *testing.B, doc bson.Raw) {
		if _, err := bsonjson.DecodeMap(doc); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkDriverDecode(b *testing.B) {
	benchmark(b, func(b *testing.B, doc bson.Raw) {
		var m bson.M
		if err := bson.Unmarshal(doc, &m); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkDecodeMapAndAppendValue(b *testing.B) {
	dst := make([]byte, 0, 1<<20)
	benchmark(b, func(b *testing.B, doc bson.Raw) {
		m, err := bsonjson.DecodeMap(doc)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bsonjson.AppendValue(dst, m, nil); err != nil {
			b.Fatal(err)
		}
	})
}
