package bsonjson_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/benchdocs"
)

func FuzzAppendDocument(f *testing.F) {
	f.Add([]byte(marshal(f, types)))
	f.Add([]byte(marshal(f, bson.D{{Key: "_id", Value: types}})))
	f.Add([]byte(benchdocs.Small(1)))
	f.Add([]byte(benchdocs.Medium(1)))
	f.Fuzz(func(t *testing.T, doc []byte) {
		checkTotal(t, doc)
	})
}
