package bsonjson_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/bsonjson"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// What KeysRefuse refuses is what Elasticsearch refuses, and what KeysReplace
// writes is accepted. Each document has its own place in the mapping.
func TestElasticsearchAgreesAboutKeys(t *testing.T) {
	index := newIndex(t)
	for n, doc := range keyDocuments() {
		check := func(options *bsonjson.Options, place string) (int, error) {
			source, err := bsonjson.AppendDocument(nil, marshal(t, bson.D{{Key: place + strconv.Itoa(n), Value: doc}}), options)
			if err != nil {
				return 0, err
			}
			return index(source), nil
		}
		status, err := check(nil, "as-is-")
		require.NoError(t, err)
		_, refused := check(&bsonjson.Options{Keys: bsonjson.KeysRefuse}, "refuse-")
		require.Equal(t, status == http.StatusCreated, refused == nil, "%v: Elasticsearch says %d, KeysRefuse %v", doc, status, refused)
		status, err = check(&bsonjson.Options{Keys: bsonjson.KeysReplace}, "replace-")
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, status, "%v replaced", doc)
	}
}

// Only at the top are the names of metadata fields taken.
func TestElasticsearchAgreesAboutMetadataFields(t *testing.T) {
	index := newIndex(t)
	for _, name := range []string{"_id", "_index", "_type", "_source", "_routing", "_field_names", "_ignored", "_seq_no", "_primary_term", "_version",
		"_doc_count", "_size", "_all", "_parent", "_uid", "_timestamp", "_ttl", "_x"} {
		top := marshal(t, bson.D{{Key: name, Value: int32(1)}})
		asIs, err := bsonjson.AppendDocument(nil, top, nil)
		require.NoError(t, err)
		_, refused := bsonjson.AppendDocument(nil, top, &bsonjson.Options{Keys: bsonjson.KeysRefuse})
		require.Equal(t, index(asIs) == http.StatusCreated, refused == nil, name)

		replaced, err := bsonjson.AppendDocument(nil, top, &bsonjson.Options{Keys: bsonjson.KeysReplace})
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, index(replaced), "%s", replaced)

		nested, err := bsonjson.AppendDocument(nil, marshal(t, bson.D{{Key: "sub", Value: top}}), &bsonjson.Options{Keys: bsonjson.KeysRefuse})
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, index(nested), "%s", nested)
	}
}

func TestElasticsearchAcceptsEveryType(t *testing.T) {
	mixed := []string{"arr", "cws"} // hold arrays of several types, which no mapping takes
	single := slices.DeleteFunc(slices.Clone(types), func(e bson.E) bool { return slices.Contains(mixed, e.Key) })
	for _, options := range []*bsonjson.Options{nil, {ShortDoubles: true, DecimalStrings: true, EpochMillis: true, Base64UUIDs: true}} {
		source, err := bsonjson.AppendDocument(nil, marshal(t, single), options)
		require.NoError(t, err)
		require.Equal(t, http.StatusCreated, newIndex(t)(source), "%s", source)
	}
}

// newIndex returns a function that adds a document to an index of the test and
// tells the status that Elasticsearch answers.
func newIndex(t *testing.T) func(source []byte) int {
	t.Helper()
	es := testservers.Elasticsearch(t)
	client := es.Client(t)
	name := testservers.UniqueName(t)
	es.DropIndices(t, name)
	return func(source []byte) int {
		resp, err := client.Index(name, bytes.NewReader(source), client.Index.WithContext(t.Context()))
		require.NoError(t, err)
		reason, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		t.Logf("%d %.200s: %.200s", resp.StatusCode, source, reason)
		return resp.StatusCode
	}
}

// keyDocuments leaves out a trailing dot, about which versions differ.
func keyDocuments() (docs []bson.D) {
	for _, key := range []string{"a", "a.b", "_a", "$a", "a b", " a ", "é", "a.0", "", " ", "\t", ".", ".a", "a..b", "a. .b"} {
		docs = append(docs, bson.D{{Key: key, Value: int32(1)}})
	}
	number, object := int32(1), bson.D{{Key: "x", Value: int32(1)}}
	return append(docs,
		bson.D{{Key: "a", Value: number}, {Key: "a.b", Value: number}},
		bson.D{{Key: "a.b", Value: number}, {Key: "a", Value: number}},
		bson.D{{Key: "a", Value: object}, {Key: "a.b", Value: number}},
		bson.D{{Key: "a", Value: nil}, {Key: "a.b", Value: number}},
		bson.D{{Key: "a.b", Value: number}, {Key: "a.b.c", Value: number}},
		bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: number}}}, {Key: "a.b", Value: object}},
		bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: object}}}, {Key: "a.b", Value: number}},
		bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: number}}}, {Key: "a.b.c", Value: number}},
		bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: number}}}, {Key: "a.b", Value: number}},
	)
}
