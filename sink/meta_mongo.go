package sink

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
)

// MongoMeta is a MetaStore in a MongoDB collection, in the shape of Monstache's collection meta.
type MongoMeta struct{ collection *mongo.Collection }

var _ MetaStore = (*MongoMeta)(nil)

// NewMongoMeta returns a store in a collection, which should belong to a client with write concern majority.
func NewMongoMeta(collection *mongo.Collection) (*MongoMeta, error) {
	if collection == nil {
		return nil, errors.New("sink.NewMongoMeta: collection is nil")
	}
	return &MongoMeta{collection}, nil
}

// metaDocument is the shape of a document. Type and Parent are Monstache's; nothing in Elasticsearch 7 corresponds.
type metaDocument struct {
	Key       string `bson:"_id"`
	ID        string `bson:"id"`
	Routing   string `bson:"routing"`
	Index     string `bson:"index"`
	Type      string `bson:"type"`
	Parent    string `bson:"parent"`
	Pipeline  string `bson:"pipeline"`
	Database  string `bson:"db"`
	Namespace string `bson:"namespace"`
}

func (k MetaKey) text() string { return k.Namespace.String() + "." + k.ID }

// Get reads the documents of the keys.
func (m *MongoMeta) Get(ctx context.Context, keys []MetaKey) (map[MetaKey]Meta, error) {
	byText := make(map[string]MetaKey, len(keys))
	for _, k := range keys {
		byText[k.text()] = k
	}
	cursor, err := m.collection.Find(ctx, bson.M{"_id": bson.M{"$in": texts(keys)}})
	if err != nil {
		return nil, err
	}
	var docs []metaDocument
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	found := make(map[MetaKey]Meta, len(docs))
	for _, d := range docs {
		found[byText[d.Key]] = Meta{Index: d.Index, Routing: d.Routing, ID: d.ID, Pipeline: d.Pipeline}
	}
	return found, nil
}

// Put writes a document for each key.
func (m *MongoMeta) Put(ctx context.Context, metas map[MetaKey]Meta) error {
	models := make([]mongo.WriteModel, 0, len(metas))
	for k, meta := range metas {
		models = append(models, mongo.NewReplaceOneModel().SetUpsert(true).
			SetFilter(bson.M{"_id": k.text()}).
			SetReplacement(metaDocument{
				Key: k.text(), ID: meta.ID, Routing: meta.Routing, Index: meta.Index, Pipeline: meta.Pipeline,
				Database: k.Namespace.Database, Namespace: k.Namespace.String(),
			}))
	}
	_, err := m.collection.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return err
}

// Remove deletes the documents of the keys.
func (m *MongoMeta) Remove(ctx context.Context, keys []MetaKey) error {
	_, err := m.collection.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": texts(keys)}})
	return err
}

// RemoveNamespace deletes the documents of a collection or a database.
func (m *MongoMeta) RemoveNamespace(ctx context.Context, ns goatee.Namespace) error {
	filter := bson.M{"namespace": ns.String()}
	if ns.Collection == "" {
		filter = bson.M{"db": ns.Database}
	}
	_, err := m.collection.DeleteMany(ctx, filter)
	return err
}

func texts(keys []MetaKey) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.text()
	}
	return out
}
