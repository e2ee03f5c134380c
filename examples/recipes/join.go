package recipes

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// QuestionMapping is the mapping the index must have before the first document.
const QuestionMapping = `{"mappings": {"properties": {
	"my_join_field": {"type": "join", "relations": {"question": "answer"}}
}}}`

// QuestionsAndAnswers makes answers children of their questions, on the question's shard. What the join field says is
// left out of the document.
func QuestionsAndAnswers() goatee.Transformer {
	return transform.Chain(
		transform.Join("my_join_field", func(d *goatee.Document) (transform.Relation, error) {
			kind, _ := d.Lookup("type").StringValueOK()
			switch kind {
			case "question":
				return transform.Relation{Name: kind}, nil
			case "answer":
				question, err := transform.Text(d.Lookup("question"))
				return transform.Relation{Name: kind, Parent: question}, err
			}
			return transform.Relation{}, nil
		}),
		transform.Omit("type", "question"),
	)
}
