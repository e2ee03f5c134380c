package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
)

func TestRelateKeepsAnIndexInStepWithAView(t *testing.T) {
	s := newStack(t)
	s.insert("state", bson.M{"_id": "on", "text": "is on"}, bson.M{"_id": "off", "text": "is off"})
	s.insert("thing", bson.M{"_id": "lamp", "s": "on"}, bson.M{"_id": "fan", "s": "off"})
	require.NoError(t, s.db.CreateView(t.Context(), "thingview", "thing", mongo.Pipeline{{{Key: "$lookup", Value: bson.D{
		{Key: "from", Value: "state"}, {Key: "localField", Value: "s"}, {Key: "foreignField", Value: "_id"}, {Key: "as", Value: "s"},
	}}}}))
	p := start(t, s.config(`
direct-read-namespaces = ["DB.thingview"]
change-stream-namespaces = ["DB.thing", "DB.state"]

[[mapping]]
namespace = "DB.thing"
index = "DB-things"

[[mapping]]
namespace = "DB.thingview"
index = "DB-things"

[[relate]]
namespace = "DB.thing"
with-namespace = "DB.thingview"
keep-src = false

[[relate]]
namespace = "DB.state"
with-namespace = "DB.thing"
src-field = "_id"
match-field = "s"
keep-src = false
`))
	things := s.db.Name() + "-things"
	s.waitFor(things, "lamp", `{"s":[{"_id":"on","text":"is on"}]}`)
	s.waitFor(things, "fan", `{"s":[{"_id":"off","text":"is off"}]}`)
	p.waitLog("listening for events")

	s.insert("thing", bson.M{"_id": "tv", "s": "on"})
	s.waitFor(things, "tv", `{"s":[{"_id":"on","text":"is on"}]}`)
	_, err := s.db.Collection("state").UpdateByID(t.Context(), "on", bson.M{"$set": bson.M{"text": "glows"}})
	require.NoError(t, err)
	s.waitFor(things, "lamp", `{"s":[{"_id":"on","text":"glows"}]}`)
	s.waitFor(things, "tv", `{"s":[{"_id":"on","text":"glows"}]}`)
	_, err = s.db.Collection("thing").DeleteOne(t.Context(), bson.M{"_id": "lamp"})
	require.NoError(t, err)
	s.waitFor(things, "lamp", "")
	p.stop()
	require.NotEmpty(t, p.log.line("summary", "deadLetters=0"))
}
