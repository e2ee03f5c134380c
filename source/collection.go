package source

import (
	"context"
	"fmt"
	"math"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/mongoerr"
)

// collectionInfo is what is known about a collection before it is read.
type collectionInfo struct {
	exists bool
	// indexed says that there is an index of _id: neither a view nor a time series.
	indexed bool
	count   int64
	bytes   int64 // of all documents, uncompressed
}

// listed returns what listCollections says about a namespace, nil if it does not exist.
func listed(ctx context.Context, client *mongo.Client, ns goatee.Namespace) (bson.Raw, error) {
	raw, err := runCommand(ctx, client, ns.Database, bson.D{
		{Key: "listCollections", Value: 1},
		{Key: "filter", Value: bson.D{{Key: "name", Value: ns.Collection}}},
	})
	if err != nil {
		return nil, err
	}
	entry, _ := raw.Lookup("cursor", "firstBatch", "0").DocumentOK()
	return entry, nil
}

// describe asks MongoDB what a namespace is.
func describe(ctx context.Context, client *mongo.Client, ns goatee.Namespace) (collectionInfo, error) {
	entry, err := listed(ctx, client, ns)
	if err != nil || entry == nil {
		return collectionInfo{}, err
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
	if mongoerr.Is(err, mongoerr.Unauthorized, mongoerr.NamespaceNotFound) {
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
func (c *config) stages(ns goatee.Namespace) (mongo.Pipeline, error) {
	if c.pipeline == nil {
		return nil, nil
	}
	stages, err := c.pipeline(ns.String(), false)
	if err != nil {
		return nil, &goatee.ConfigError{
			Setting: SettingPipeline, Problem: fmt.Sprintf("no stages for the direct read of %s", ns), Err: err,
		}
	}
	return stages, nil
}
