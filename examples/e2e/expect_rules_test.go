package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
)

// The comparison is only worth something if it can tell documents apart.
func TestCanonicalTellsDocumentsApart(t *testing.T) {
	same := [][2]string{
		{`{"a":1,"b":[]}`, `{"b":[],"a":1}`},
		{`1.50`, `1.5`},
		{`1e2`, `100.0`},
		{`"\u003cb\u003e"`, `"<b>"`},
	}
	for _, pair := range same {
		require.Equal(t, mustCanonical(t, pair[0]), mustCanonical(t, pair[1]), "%v", pair)
	}
	different := [][2]string{
		{`1`, `1.0`}, {`9007199254740993`, `9007199254740992`}, {`"1"`, `1`}, {`null`, `"null"`}, {`{}`, `[]`},
		{`[1,2]`, `[2,1]`}, {`{"a":null}`, `{}`}, {`[[]]`, `[]`}, {`0.1`, `0.10000000000000001`}, {`true`, `"true"`},
	}
	for _, pair := range different {
		require.NotEqual(t, mustCanonical(t, pair[0]), mustCanonical(t, pair[1]), "%v", pair)
	}
}

func mustCanonical(t *testing.T, text string) string {
	t.Helper()
	c, err := canonicalJSON([]byte(text))
	require.NoError(t, err)
	return c
}

func TestIDsHaveDifferentTexts(t *testing.T) {
	seen := map[string]int{}
	for i := range 1000 {
		text := expectID(roundTripID(t, idOf(i)))
		require.NotContains(t, seen, text, "ids %d and %d", seen[text], i)
		seen[text] = i
	}
}

func roundTripID(t *testing.T, id any) any {
	t.Helper()
	raw, err := bson.Marshal(bson.D{{Key: "_id", Value: id}})
	require.NoError(t, err)
	var doc bson.D
	require.NoError(t, bson.Unmarshal(raw, &doc))
	return doc[0].Value
}
