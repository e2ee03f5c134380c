package recipes_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/recipes"
	"github.com/goatee-sync/goatee/sink"
)

func TestQuestionsAndAnswers(t *testing.T) {
	k := newKitchen(t)
	k.createIndex(".test", recipes.QuestionMapping)
	k.follow(recipe{
		transformer: recipes.QuestionsAndAnswers(),
		sink:        func(b *sink.Bulk) (goatee.Sink, error) { return recipes.SearchingDeletes(b, k.name+"*") },
	})
	question, lonely, answer := primitive.NewObjectID(), primitive.NewObjectID(), primitive.NewObjectID()
	k.insert("test",
		bson.D{{Key: "_id", Value: question}, {Key: "type", Value: "question"}, {Key: "text", Value: "This is a question"}},
		bson.D{{Key: "_id", Value: lonely}, {Key: "type", Value: "question"}, {Key: "text", Value: "Anybody?"}},
		bson.D{{Key: "_id", Value: answer}, {Key: "type", Value: "answer"}, {Key: "text", Value: "This is an answer"}, {Key: "question", Value: question}})
	asked := `{"text":"This is a question","my_join_field":{"name":"question"}}`
	answered := `{"text":"This is an answer","my_join_field":{"name":"answer","parent":"` + question.Hex() + `"}}`
	k.holds(".test", map[string]string{
		question.Hex(): asked, answer.Hex(): answered, lonely.Hex(): `{"text":"Anybody?","my_join_field":{"name":"question"}}`,
	})
	hit := gjson.Get(k.search(".test", "", `{"ids": {"values": ["`+answer.Hex()+`"]}}`), "hits.hits.0")
	require.Equal(t, question.Hex(), hit.Get("_routing").String())

	const answeredQuestions = `{"has_child": {"type": "answer", "query": {"match": {"text": "answer"}}}}`
	require.Equal(t, map[string]string{question.Hex(): asked}, k.found(".test", "", answeredQuestions))
	require.Equal(t, map[string]string{answer.Hex(): answered},
		k.found(".test", "", `{"has_parent": {"parent_type": "question", "query": {"match": {"text": "question"}}}}`))

	k.delete("test", answer)
	k.finds(".test", answeredQuestions, nil)
}
