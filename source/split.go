package source

import (
	"bytes"
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/bsonjson"
)

const (
	// samplesPerChunk is how many documents are sampled for each boundary: with ten, most chunks are within a factor of two
	// of the wanted size.
	samplesPerChunk = 10
	// mostChunks bounds the sample; a larger collection gets larger chunks.
	mostChunks = 4096
)

// chunk is a part of a collection: the documents whose _id is at or behind min and before max, in BSON order. A side
// without a bound is open.
type chunk struct {
	min, max bson.RawValue
	// only is the one _id to read, instead of a range.
	only bson.RawValue
	// whole chunks are read in natural order, by one cursor without index bounds. They cannot be continued in the
	// middle.
	whole bool
}

// maxKey is the greatest of all BSON values.
var maxKey = bson.RawValue{Type: bsontype.MaxKey}

// split divides a collection into about n chunks by a sample of its ids. Upper bounds are exclusive, and so is the MaxKey
// that MongoDB uses when there is no upper bound (except in a clustered collection). So the document whose _id is MaxKey
// is a chunk by itself.
func split(ctx context.Context, client *mongo.Client, ns goatee.Namespace, n int) ([]*chunk, error) {
	ids, err := sampleIDs(ctx, client, ns, n*samplesPerChunk)
	if err != nil {
		return nil, err
	}
	current := &chunk{}
	chunks := []*chunk{current}
	for i := 1; i < n && len(ids) > 0; i++ {
		bound := ids[i*len(ids)/n]
		if sameID(bound, current.min) || bound.Type == bsontype.MinKey || bound.Type == bsontype.MaxKey {
			continue
		}
		current.max = bound
		current = &chunk{min: bound}
		chunks = append(chunks, current)
	}
	current.max = maxKey
	return append(chunks, &chunk{only: maxKey}), nil
}

func sameID(a, b bson.RawValue) bool { return a.Type == b.Type && bytes.Equal(a.Value, b.Value) }

// sampleIDs returns the ids of about size random documents, in BSON order.
func sampleIDs(ctx context.Context, client *mongo.Client, ns goatee.Namespace, size int) ([]bson.RawValue, error) {
	c, first, err := openCursor(ctx, client, ns.Database, bson.D{
		{Key: "aggregate", Value: ns.Collection},
		{Key: "pipeline", Value: mongo.Pipeline{
			{{Key: "$sample", Value: bson.D{{Key: "size", Value: size}}}},
			{{Key: "$project", Value: bson.D{{Key: "_id", Value: 1}}}},
			{{Key: "$sort", Value: bson.D{{Key: "_id", Value: 1}}}},
		}},
		{Key: "allowDiskUse", Value: true},
		{Key: "cursor", Value: bson.D{{Key: "batchSize", Value: size}}},
	})
	if err != nil {
		return nil, err
	}
	defer c.close(ctx)
	c.batchSize.Store(int64(size))
	ids := make([]bson.RawValue, 0, size)
	for reply, err := range c.replies(ctx, first) {
		if err != nil {
			return nil, err
		}
		documents := bsonjson.NewReader(reply.documents)
		for documents.Next() {
			if t, id, ok := bsonjson.FindID(documents.Value()); ok {
				ids = append(ids, bson.RawValue{Type: t, Value: bytes.Clone(id)})
			}
		}
		if err := documents.Err(); err != nil {
			return nil, fatal(err)
		}
	}
	return ids, nil
}
