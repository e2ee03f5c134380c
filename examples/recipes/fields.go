package recipes

import (
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

// FooOrBar follows inserts, replacements and deletes, and those updates that touch foo or bar: MongoDB does not even send
// the others. Use it as
//
//	source.NewChangeStream(client, "test.test", source.WithPipeline(FooOrBar))
func FooOrBar(_ string, changeStream bool) (mongo.Pipeline, error) {
	if !changeStream {
		return nil, nil
	}
	exists := func(path string, is bool) bson.D {
		return bson.D{{Key: path, Value: bson.D{{Key: "$exists", Value: is}}}}
	}
	return mongo.Pipeline{{{Key: "$match", Value: bson.D{{Key: "$or", Value: bson.A{
		exists("updateDescription", false),
		exists("updateDescription.updatedFields.foo", true),
		exists("updateDescription.updatedFields.bar", true),
	}}}}}}, nil
}
