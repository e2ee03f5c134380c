package sink

import (
	"context"

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
		return nil, misuse("NewMongoMeta", "the collection is nil", "give one of a client with write concern majority")
	}
	return &MongoMeta{collection}, nil
}

// metaDocument is the shape of a document. Type and Parent are Monstache's; nothing in Elasticsearch 7 corresponds.
// Version and Others are goatee's own.
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
	Version   int64  `bson:"version,omitempty"`
	// Others are the places but for the first.
	Others []metaPlace `bson:"others,omitempty"`
}

type metaPlace struct {
	ID      string `bson:"id"`
	Routing string `bson:"routing"`
	Index   string `bson:"index"`
}

func newMetaDocument(k MetaKey, meta Meta) metaDocument {
	d := metaDocument{
		Key: k.text(), Database: k.Namespace.Database, Namespace: k.Namespace.String(), Version: meta.Version,
	}
	for i, p := range meta.Places {
		if i == 0 {
			d.ID, d.Routing, d.Index = p.ID, p.Routing, p.Index
		} else {
			d.Others = append(d.Others, metaPlace{ID: p.ID, Routing: p.Routing, Index: p.Index})
		}
	}
	return d
}

func (d *metaDocument) meta() Meta {
	m := Meta{Places: []Place{{Index: d.Index, Routing: d.Routing, ID: d.ID}}, Version: d.Version}
	for _, p := range d.Others {
		m.Places = append(m.Places, Place{Index: p.Index, Routing: p.Routing, ID: p.ID})
	}
	return m
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
	for i := range docs {
		found[byText[docs[i].Key]] = docs[i].meta()
	}
	return found, nil
}

// Put writes a document for each key.
func (m *MongoMeta) Put(ctx context.Context, metas map[MetaKey]Meta) error {
	models := make([]mongo.WriteModel, 0, len(metas))
	for k, meta := range metas {
		models = append(models, mongo.NewReplaceOneModel().SetUpsert(true).
			SetFilter(bson.M{"_id": k.text()}).
			SetReplacement(newMetaDocument(k, meta)))
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
