package transform_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
)

func users() *goateetest.Collections {
	c := goateetest.NewCollections()
	c.Put("blog.users", `{"_id": 1, "name": "ada", "mail": "a@x"}`, `{"_id": 2, "name": "bob", "mail": "b@x"}`)
	return c
}

func TestLookupEmbedsTheDocumentReferredTo(t *testing.T) {
	name := transform.WithProjection(bson.D{{Key: "name", Value: 1}, {Key: "mail", Value: 1}})
	for title, test := range map[string]struct {
		opts      []transform.LookupOption
		doc, want string
	}{
		"by _id":        {nil, `{"_id": 7, "a": 1}`, `{"a":{"_id":1,"name":"ada","mail":"a@x"}}`},
		"equal number":  {nil, `{"_id": 7, "a": {"$numberDouble": "2"}}`, `{"a":{"_id":2,"name":"bob","mail":"b@x"}}`},
		"projection":    {opts(transform.WithProjection(bson.D{{Key: "name", Value: 1}})), `{"_id": 7, "a": 1}`, `{"a":{"_id":1,"name":"ada"}}`},
		"target":        {opts(transform.WithTarget("u.v")), `{"_id": 7, "a": 1}`, `{"a":1,"u":{"v":{"_id":1,"name":"ada","mail":"a@x"}}}`},
		"array":         {nil, `{"_id": 7, "a": [2, 9, null]}`, `{"a":[{"_id":2,"name":"bob","mail":"b@x"},9,null]}`},
		"missing":       {nil, `{"_id": 7, "a": 9}`, `{"a":9}`},
		"null":          {nil, `{"_id": 7, "a": null}`, `{"a":null}`},
		"no reference":  {nil, `{"_id": 7}`, `{}`},
		"missing null":  {opts(transform.WithMissing(transform.MissingNull)), `{"_id": 7, "a": 9}`, `{"a":null}`},
		"foreign field": {opts(transform.WithForeignField("mail"), name), `{"_id": 7, "a": "b@x"}`, `{"a":{"_id":2,"name":"bob","mail":"b@x"}}`},
	} {
		t.Run(title, func(t *testing.T) {
			tr := transform.Lookup(users(), "blog.users", "a", test.opts...)
			require.Equal(t, test.want, written(t, tr, test.doc))
			require.JSONEq(t, test.want, written(t, transform.Chain(decode, tr), test.doc))
		})
	}
}

func opts(o ...transform.LookupOption) []transform.LookupOption { return o }

func TestLookupAsksOncePerBatch(t *testing.T) {
	c := users()
	var changes []*goatee.Change
	for i := range 1000 {
		changes = append(changes, goateetest.Insert("blog.posts", bson.M{"_id": i, "a": i%2 + 1}))
	}
	items := run(t, transform.Lookup(c, "blog.users", "a"), changes...)
	require.Equal(t, 1, c.Queries())
	for i, it := range items {
		require.NoError(t, it.Err)
		require.EqualValues(t, i%2+1, it.Actions[0].Document.Lookup("a", "_id").Int32())
		require.False(t, it.Actions[0].Document.IsDecoded())
	}
	run(t, transform.Lookup(c, "blog.users", "other"), changes...)
	require.Equal(t, 1, c.Queries(), "without references nothing is asked")
}

func TestLookupErrorsFailOnlyChangesWithReferences(t *testing.T) {
	c := users()
	with, without := goateetest.Insert("blog.posts", `{"_id": 1, "a": 9}`), goateetest.Insert("blog.posts", `{"_id": 2}`)

	items := run(t, transform.Lookup(c, "blog.users", "a", transform.WithMissing(transform.MissingError)), with, without)
	require.ErrorIs(t, items[0].Err, transform.ErrMissingReference)
	require.ErrorContains(t, items[0].Err, "blog.users")
	require.NoError(t, items[1].Err)

	items = run(t, transform.Lookup(c, "blog.gone", "a", transform.WithMissing(transform.MissingError)), with, without)
	require.ErrorIs(t, items[0].Err, transform.ErrMissingReference, "a collection that does not exist")
	require.NoError(t, items[1].Err)

	down := errors.New("down")
	c.Fail(down)
	items = run(t, transform.Lookup(c, "blog.users", "a"), with, without)
	require.ErrorIs(t, items[0].Err, down)
	require.NoError(t, items[1].Err)
}

func TestLookupRefusesAProjectionWithoutTheForeignField(t *testing.T) {
	tr := transform.Lookup(users(), "blog.users", "a", transform.WithForeignField("mail"),
		transform.WithProjection(bson.D{{Key: "name", Value: 1}}))
	require.ErrorContains(t, run(t, tr, goateetest.Insert("blog.posts", `{"_id": 1, "a": "a@x"}`))[0].Err, "projection")
}

func TestLookupCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := users()
		tr := transform.Lookup(c, "blog.users", "a", transform.WithCache(1, time.Minute))
		ask := func(id int) string {
			return written(t, tr, fmt.Sprintf(`{"_id": 7, "a": %d}`, id))
		}
		first := ask(1)
		c.Put("blog.users", `{"_id": 1, "name": "eve"}`)
		require.Equal(t, first, ask(1))
		require.Equal(t, 1, c.Queries())

		time.Sleep(61 * time.Second)
		require.Equal(t, `{"a":{"_id":1,"name":"eve"}}`, ask(1), "expired")
		ask(2)
		ask(1)
		require.Equal(t, 4, c.Queries(), "one entry only")
		ask(9)
		ask(9)
		require.Equal(t, 6, c.Queries(), "what is missing is asked for again")
	})
}

func TestLookupMisuse(t *testing.T) {
	for name, tr := range map[string]goatee.Transformer{
		"Lookup finder":    transform.Lookup(nil, "a.b", "c"),
		"Lookup namespace": transform.Lookup(users(), "a", "c"),
		"Lookup field":     transform.Lookup(users(), "a.b", ""),
		"WithForeignField": transform.Lookup(users(), "a.b", "c", transform.WithForeignField("")),
		"WithTarget":       transform.Lookup(users(), "a.b", "c", transform.WithTarget("a.")),
		"WithCache":        transform.Lookup(users(), "a.b", "c", transform.WithCache(0, time.Second)),
		"WithMissing":      transform.Lookup(users(), "a.b", "c", transform.WithMissing(9)),
	} {
		var config *goatee.ConfigError
		require.ErrorAs(t, tr.(goatee.Checker).Check(context.Background()), &config, name)
		require.Equal(t, "transform."+strings.Fields(name)[0], config.Setting)
	}
}
