package source

import (
	"context"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// collectionInfo is what is known about a collection before it is read.
type collectionInfo struct {
	exists bool
	// indexed says that there is an index of _id: neither a view nor a time series.
	indexed bool
	count   int64
	bytes   int64 // of all documents, uncompressed
}

// describe asks MongoDB what a namespace is.
func describe(ctx context.Context, client *mongo.Client, ns goatee.Namespace) (collectionInfo, error) {
	raw, err := runCommand(ctx, client, ns.Database, bson.D{
		{Key: "listCollections", Value: 1},
		{Key: "filter", Value: bson.D{{Key: "name", Value: ns.Collection}}},
	})
	if err != nil {
		return collectionInfo{}, err
	}
	entry, ok := raw.Lookup("cursor", "firstBatch", "0").DocumentOK()
	if !ok {
		return collectionInfo{}, nil
	}
	info := collectionInfo{exists: true}
	if kind, _ := entry.Lookup("type").StringValueOK(); kind != "collection" {
		return info, nil
	}
	info.indexed = true
	return info, info.measure(ctx, client, ns)
}

// measure asks for count and size, which may be a little off after a crash of mongod: they are for planning only.
func (i *collectionInfo) measure(ctx context.Context, client *mongo.Client, ns goatee.Namespace) error {
	raw, err := runCommand(ctx, client, ns.Database, bson.D{{Key: "collStats", Value: ns.Collection}})
	if code, _, ok := serverError(err); ok && (code == codeUnauthorized || code == codeNamespaceNotFound) {
		// Not worth failing for: the collection is read in one piece.
		return nil
	}
	if err != nil {
		return err
	}
	i.count, i.bytes = number(raw.Lookup("count")), number(raw.Lookup("size"))
	return nil
}

// number returns a count that MongoDB may send as any of its numeric types.
func number(v bson.RawValue) int64 {
	if n, ok := v.AsInt64OK(); ok {
		return n
	}
	if f, ok := v.DoubleOK(); ok && f >= 0 && f < math.MaxInt64 {
		return int64(f)
	}
	return 0
}

// stages returns the user's pipeline for a direct read, nil if there is none.
func (c *common) stages(ns goatee.Namespace) (mongo.Pipeline, error) {
	if c.pipeline == nil {
		return nil, nil
	}
	stages, err := c.pipeline(ns.String(), false)
	if err != nil {
		return nil, &goatee.ConfigError{
			Setting: "pipeline", Problem: fmt.Sprintf("no stages for the direct read of %s", ns), Err: err,
		}
	}
	return stages, nil
}
