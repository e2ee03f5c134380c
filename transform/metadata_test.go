package transform_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

// first is the action line of what becomes of a change.
func first(t *testing.T, tr goatee.Transformer, c *goatee.Change) goatee.Action {
	t.Helper()
	items := run(t, tr, c)
	require.NoError(t, items[0].Err)
	require.NotEmpty(t, items[0].Actions)
	return items[0].Actions[0]
}

func TestRoutingFieldTakesTheTextOfAnyValue(t *testing.T) {
	for doc, want := range map[string]string{
		`{"_id": 1, "p": "a b"}`:                                             "a b",
		`{"_id": 1, "p": 7}`:                                                 "7",
		`{"_id": 1, "p": {"$numberDouble": "7.0"}}`:                          "7",
		`{"_id": 1, "p": {"$oid": "5a84a8b826993bde57c12893"}}`:              "5a84a8b826993bde57c12893",
		`{"_id": 1, "p": null}`:                                              "",
		`{"_id": 1}`:                                                         "",
		`{"_id": 1, "p": true}`:                                              "true",
		`{"_id": 1, "p": {"$numberDecimal": "1.50"}}`:                        "1.50",
		`{"_id": 1, "p": {"$uuid": "00112233-4455-6677-8899-aabbccddeeff"}}`: "00112233-4455-6677-8899-aabbccddeeff",
	} {
		c := goateetest.Insert("blog.comments", doc)
		require.Equal(t, want, first(t, transform.RoutingField("p"), c).Routing, doc)
		require.Equal(t, want, first(t, transform.Chain(decode, transform.RoutingField("p")), c).Routing, "decoded %s", doc)
	}
	nested := goateetest.Insert("blog.comments", `{"_id": 1, "a": {"b": ["x", "y"]}}`)
	require.Equal(t, "y", first(t, transform.RoutingField("a.b.1"), nested).Routing)
	require.Equal(t, "y", first(t, transform.Chain(decode, transform.RoutingField("a.b.1")), nested).Routing)
}

func TestMetadataOfDeletesComesFromThePreImage(t *testing.T) {
	tr := transform.Chain(transform.RoutingField("post"), transform.IDField("slug"), transform.Version("v", goatee.VersionExternal),
		transform.Index(transform.Exact("blog.comments", "Comments")), transform.Pipeline("p"))
	a := first(t, tr, goateetest.DeleteOf("blog.comments", `{"_id": 1, "post": 9, "slug": "s", "v": 3}`))
	require.Equal(t, goatee.ActionDelete, a.Kind)
	require.Equal(t, []any{"9", "s", "comments", int64(3), ""}, []any{a.Routing, a.ID, a.Index, a.Version, a.Pipeline})

	a = first(t, tr, goateetest.Delete("blog.comments", 1))
	require.Equal(t, []any{"", "", "comments", goatee.VersionInternal}, []any{a.Routing, a.ID, a.Index, a.VersionType})
}

func TestDroppedDocumentsAreDeletedWhereTheyWere(t *testing.T) {
	gone := transform.Drop(func(d *goatee.Document) bool { return d.Lookup("deletedAt").Type != 0 })
	c := goateetest.Update("blog.comments", `{"_id": 1, "post": 9, "deletedAt": 1}`, nil)
	for _, tr := range []goatee.Transformer{
		transform.Chain(gone, transform.RoutingField("post")), transform.Chain(transform.RoutingField("post"), gone),
	} {
		a := first(t, tr, c)
		require.Equal(t, goatee.ActionDelete, a.Kind)
		require.Equal(t, "9", a.Routing)
	}
}

func TestMetadataFunctions(t *testing.T) {
	c := goateetest.Insert("blog.comments", `{"_id": 1, "post": "p", "v": {"$date": "2020-01-01T00:00:00Z"}}`)
	post := func(d *goatee.Document) (string, error) { return transform.Text(d.Lookup("post")) }
	a := first(t, transform.Chain(transform.Routing(post), transform.ID(post), transform.Version("v", goatee.VersionExternalGTE)), c)
	require.Equal(t, []any{"p", "p", int64(1577836800000)}, []any{a.Routing, a.ID, a.Version})

	update := transform.Chain(transform.Edit(asUpdate), transform.RetryOnConflict(3))
	require.EqualValues(t, 3, first(t, update, c).RetryOnConflict)

	for name, tr := range map[string]goatee.Transformer{
		"error":   transform.Routing(func(*goatee.Document) (string, error) { return "", errors.New("x") }),
		"missing": transform.Version("none", goatee.VersionExternal),
		"text":    transform.Version("post", goatee.VersionExternal),
	} {
		require.Error(t, run(t, tr, c)[0].Err, name)
	}
}

func TestJoinField(t *testing.T) {
	tr := transform.Chain(transform.Join("my_join", func(d *goatee.Document) (transform.Relation, error) {
		kind, _ := d.Lookup("type").StringValueOK()
		parent, err := transform.Text(d.Lookup("question"))
		return transform.Relation{Name: kind, Parent: parent}, err
	}), transform.Omit("type", "question"))
	question := goateetest.Insert("test.test", `{"_id": 1, "type": "question", "text": "?"}`)
	answer := goateetest.Insert("test.test", `{"_id": 2, "type": "answer", "text": "!", "question": 1}`)
	require.Equal(t, `{"index":{"_index":"test.test","_id":"1","version":7301444403200000001,"version_type":"external_gte"}}
{"text":"?","my_join":{"name":"question"}}
{"index":{"_index":"test.test","_id":"2","routing":"1","version":7301444403200000001,"version_type":"external_gte"}}
{"text":"!","my_join":{"name":"answer","parent":"1"}}
`, goateetest.Actions(t, tr, question, answer))
	goateetest.Deterministic(t, tr, question, answer)

	del := first(t, tr, goateetest.DeleteOf("test.test", `{"_id": 2, "type": "answer", "question": 1}`))
	require.Equal(t, "1", del.Routing)
	require.Empty(t, first(t, tr, goateetest.Insert("test.test", bson.M{"_id": 3})).Routing)
	nameless := transform.Join("j", func(*goatee.Document) (transform.Relation, error) { return transform.Relation{Parent: "1"}, nil })
	require.Error(t, run(t, nameless, question)[0].Err)
}
