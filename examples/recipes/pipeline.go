package recipes

import (
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// FooIsOne has MongoDB choose the documents, and leave out a secret. In a change stream the document is the event's
// fullDocument; an update has one when the stream asks for it. Use it as
//
//	source.NewChangeStream(client, "test", source.WithPipeline(FooIsOne), source.WithFullDocument(source.FullDocumentUpdateLookup))
//	source.NewDirectRead(client, "test.test", source.WithPipeline(FooIsOne))
func FooIsOne(_ string, changeStream bool) (mongo.Pipeline, error) {
	prefix := ""
	if changeStream {
		prefix = "fullDocument."
	}
	return mongo.Pipeline{
		{{Key: "$match", Value: bson.D{{Key: prefix + "foo", Value: 1}}}},
		{{Key: "$unset", Value: prefix + "secret"}},
	}, nil
}
