package transform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/plugin"
)

// byScore is a plug-in's function that chooses the index by the document.
var byScore = plugin.Map(func(in *plugin.MapInput) (*plugin.MapOutput, error) {
	score, ok := in.Document["score"].(int32)
	if !ok {
		return nil, errBad
	}
	if score < 0 {
		return &plugin.MapOutput{Skip: true}, nil
	}
	out := &plugin.MapOutput{Passthrough: true, Routing: "r"}
	if score >= 100 {
		out.Index = "high"
	}
	return out, nil
})

func TestAskOnDeleteFindsTheDocument(t *testing.T) {
	tr := transform.AskOnDelete(byScore)
	high := goateetest.DeleteOf("blog.comments", `{"_id": 1, "score": 200}`)
	require.Equal(t, `{"delete":{"_index":"high","_id":"1","routing":"r","version":7301444403200000001,"version_type":"external_gte"}}
{"delete":{"_index":"blog.comments","_id":"2","routing":"r","version":7301444403200000001,"version_type":"external_gte"}}
{"delete":{"_index":"blog.comments","_id":"3","version":7301444403200000001,"version_type":"external_gte"}}
{"delete":{"_index":"blog.comments","_id":"4","version":7301444403200000001,"version_type":"external_gte"}}
{"index":{"_index":"high","_id":"5","routing":"r","version":7301444403200000001,"version_type":"external_gte"}}
{"score":100}
`, goateetest.Actions(t, tr, high,
		goateetest.DeleteOf("blog.comments", `{"_id": 2, "score": 1}`),
		goateetest.Delete("blog.comments", 3),
		goateetest.DeleteOf("blog.comments", `{"_id": 4, "score": -1}`),
		goateetest.Insert("blog.comments", `{"_id": 5, "score": 100}`)))
	goateetest.Deterministic(t, tr, high)

	items := run(t, tr, goateetest.DeleteOf("blog.comments", `{"_id": 6}`), high)
	require.ErrorIs(t, items[0].Err, errBad)
	require.NoError(t, items[1].Err)
	require.Equal(t, goatee.OpDelete, items[1].Change.Op)
	require.Same(t, items[1].Change, items[1].Actions[0].Change)
}
