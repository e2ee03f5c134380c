package relate_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/relate"
)

// warnings are what Check logs for relations with these collections of a database.
func warnings(t *testing.T, finder transform.Finder, database string, with ...string) string {
	t.Helper()
	var relations []relate.Relation
	for _, coll := range with {
		relations = append(relations, relate.Relation{Namespace: database + ".a", WithNamespace: database + "." + coll})
	}
	src, err := relate.NewSource(goateetest.NewSource(deployment), finder, relations...)
	require.NoError(t, err)
	var log bytes.Buffer
	src.Instrument(slog.New(slog.NewTextHandler(&log, nil)), goatee.Observer{})
	check, ok := goatee.As[goatee.Checker](src)
	require.True(t, ok)
	require.NoError(t, check.Check(t.Context()))
	return log.String()
}

func TestCheckWarnsOfViewsThatDoNotKeepTheID(t *testing.T) {
	db := database(t)
	stage := func(name string, v any) bson.D { return bson.D{{Key: name, Value: v}} }
	for view, test := range map[string]struct {
		stages mongo.Pipeline
		stage  string
	}{
		"unwinding": {mongo.Pipeline{stage("$match", bson.M{}), stage("$unwind", "$l")}, "$unwind"},
		"grouping":  {mongo.Pipeline{stage("$group", bson.M{"_id": "$k"})}, "$group"},
		"other_id":  {mongo.Pipeline{stage("$project", bson.M{"_id": "$k"})}, "$project"},
		"no_id":     {mongo.Pipeline{stage("$project", bson.M{"_id": 0})}, "$project"},
		"same_id":   {mongo.Pipeline{stage("$project", bson.M{"_id": 1, "a": 1}), stage("$set", bson.M{"b": "$a"})}, ""},
	} {
		require.NoError(t, db.CreateView(t.Context(), view, "a", test.stages))
		require.NoError(t, db.CreateView(t.Context(), view+"_of_view", view, mongo.Pipeline{}))
		for _, with := range []string{view, view + "_of_view"} {
			log := warnings(t, mongoFinder(t, db.Client()), db.Name(), with, with, "a", "missing")
			if test.stage == "" {
				require.Empty(t, log)
				continue
			}
			require.Equal(t, 1, bytes.Count([]byte(log), []byte("\n")), log)
			require.Contains(t, log, "level=WARN")
			require.Contains(t, log, "view="+db.Name()+"."+with+" stage="+test.stage)
		}
	}
}

func TestCheckDoesWithoutDefinitionsThatItMayNotRead(t *testing.T) {
	c := goateetest.NewCollections()
	c.Fail(errors.New("not authorized"))
	require.Empty(t, warnings(t, c, "d", "v"))
}

type checked struct {
	goatee.Source
	err error
}

func (c checked) Check(context.Context) error { return c.err }

func TestCheckChecksTheInnerSourceFirst(t *testing.T) {
	c, relations := things()
	bad := errors.New("bad")
	src := newSource(t, checked{goateetest.NewSource(deployment), bad}, c, relations...)
	require.ErrorIs(t, src.(goatee.Checker).Check(t.Context()), bad)
	require.Zero(t, c.Queries())
}
