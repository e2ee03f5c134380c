package resume

import (
	"context"
	"crypto/sha256"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// tokenDocument is a document in tokens.
type tokenDocument struct {
	ID          any                 `bson:"_id"`
	StreamID    string              `bson:"streamID"`
	Token       bson.Raw            `bson:"token"`
	ClusterTime primitive.Timestamp `bson:"clusterTime"`
}

// findTokens returns the documents of those streams that have one, and remembers their _ids.
func (m *Mongo) findTokens(ctx context.Context, ids []string) ([]tokenDocument, error) {
	cursor, err := m.tokens.Find(ctx, bson.D{
		{Key: "resumeName", Value: m.name}, {Key: "streamID", Value: bson.D{{Key: "$in", Value: ids}}},
	})
	if err != nil {
		return nil, err
	}
	var docs []tokenDocument
	if err := cursor.All(ctx, &docs); err != nil {
		return nil, err
	}
	for _, doc := range docs {
		s := m.streams[doc.StreamID]
		s.document = doc.ID
		m.streams[doc.StreamID] = s
	}
	return docs, nil
}

// remember notes the cluster time of a stream's stored position.
func (m *Mongo) remember(id string, ts primitive.Timestamp) {
	s := m.streams[id]
	s.time = ts
	m.streams[id] = s
}

// newDocumentID returns the _id of a stream's document where there is none yet. It depends on the names alone: there is
// no unique index, and a fenced upsert must meet the existing document instead of inserting another one.
func newDocumentID(name, id string) primitive.ObjectID {
	sum := sha256.Sum256([]byte(name + "\x00" + id))
	return primitive.ObjectID(sum[:12])
}
