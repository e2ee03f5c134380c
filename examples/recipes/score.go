package recipes

import (
	"context"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

const highScore = 100

// ByScore puts comments with a high score into an index of their own, and moves those whose score changes: each is
// written to the one index and deleted from the other. All are routed by their post.
func ByScore(index, highScores string) goatee.Transformer {
	place := func(_ context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		if c.Document.IsZero() {
			return actions, nil // a delete: the sink's strategy finds the document
		}
		here, there := index, highScores
		if score, _ := c.Document.Lookup("score").AsInt64OK(); score >= highScore {
			here, there = there, here
		}
		post, err := transform.Text(c.Document.Lookup("post_id"))
		if err != nil {
			return nil, err
		}
		return []goatee.Action{
			{Kind: goatee.ActionIndex, Change: c, Index: here, Routing: post},
			{Kind: goatee.ActionDelete, Change: c, Index: there, Routing: post},
		}, nil
	}
	// Where a comment belongs depends on nothing but its newest state.
	return transform.Latest(goatee.TransformFunc(place))
}
