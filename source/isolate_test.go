package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// inverse fails for documents whose n is 0.
var inverse = d("$addFields", d("q", d("$divide", bson.A{1, "$n"})))

// failures of a batch by id.
func failedIDs(t *testing.T, failed []goatee.FailedChange) []string {
	t.Helper()
	ids := []string{}
	for _, f := range failed {
		require.Error(t, f.Err)
		ids = append(ids, line(t, &f.Change))
	}
	slices.Sort(ids)
	return ids
}

func lines(t *testing.T, changes []goatee.Change) []string {
	t.Helper()
	all := []string{}
	for i := range changes {
		all = append(all, line(t, &changes[i]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestFetchIsolates: documents that MongoDB refuses to return are failed changes, and no others are.
func TestFetchIsolates(t *testing.T) {
	odd := d("$foo", 1)
	for name, bad := range map[string]func(i int) bool{
		"none":  func(int) bool { return false },
		"first": func(i int) bool { return i == 0 },
		"last":  func(i int) bool { return i == 99 },
		"some":  func(i int) bool { return i%10 == 3 },
		"all":   func(int) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			var ids []any
			var want, wantFailed []string
			for i := range 100 {
				n := 1
				wanted := &want
				if bad(i) {
					n, wanted = 0, &wantFailed
				}
				*wanted = append(*wanted, fmt.Sprintf("update v %d", i))
				f.insert(t, "c", d("_id", i, "n", n))
				ids = append(ids, i)
			}
			require.NoError(t, f.db.CreateView(t.Context(), "v", "c", mongo.Pipeline{inverse}))
			stream, _ := f.stream(t, f.db.Name())
			changes := f.changesOf(t, "v", append(ids, odd, "gone")...)
			// Another namespace is affected by none of it.
			f.insert(t, "other", d("_id", "o"))
			elsewhere := f.changesOf(t, "other", "o")
			var failed []goatee.FailedChange
			rest, err := stream.Fetch(t.Context(), append(changes, elsewhere...), func(c *goatee.Change, err error) {
				failed = append(failed, goatee.FailedChange{Change: *c, Err: err})
			})
			require.NoError(t, err)
			require.Empty(t, rest)
			slices.Sort(wantFailed)
			require.Equal(t, append([]string{}, wantFailed...), failedIDs(t, failed))
			var found []goatee.Change
			for _, c := range changes {
				if !c.Document.IsZero() {
					found = append(found, *c)
				}
			}
			slices.Sort(want)
			require.Equal(t, append([]string{}, want...), lines(t, found))
			require.False(t, elsewhere[0].Document.IsZero())
		})
	}
}

// TestFetchOfLargeDocuments: the message is about the document, not about a change event.
func TestFetchOfLargeDocuments(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1), d("_id", 2, "text", strings.Repeat("x", 9<<20)))
	require.NoError(t, f.db.CreateView(t.Context(), "v", "c", mongo.Pipeline{d("$addFields", d("again", "$text"))}))
	stream, _ := f.stream(t, f.db.Name())
	changes := f.changesOf(t, "v", 1, 2)
	var failed []error
	_, err := stream.Fetch(t.Context(), changes, func(c *goatee.Change, err error) {
		require.Same(t, changes[1], c)
		failed = append(failed, err)
	})
	require.NoError(t, err)
	require.Len(t, failed, 1)
	require.ErrorContains(t, failed[0], "16 MB")
	require.NotContains(t, failed[0].Error(), "event")
	require.False(t, changes[0].Document.IsZero())
}

// TestFetchOfLargeIDs: MongoDB takes no command of more than 16 MB, and closes the connection on one of more than 48.
func TestFetchOfLargeIDs(t *testing.T) {
	f := setup(t)
	var ids []any
	for i := range 60 {
		id := strings.Repeat("i", 1<<20) + fmt.Sprint(i)
		ids = append(ids, id)
		f.insert(t, "c", d("_id", id))
	}
	stream, _ := f.stream(t, f.db.Name())
	changes := f.changesOf(t, "c", ids...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for rest := changes; len(rest) > 0; {
		var err error
		rest, err = stream.Fetch(ctx, rest, failsNever(t))
		require.NoError(t, err)
	}
	for _, c := range changes {
		require.False(t, c.Document.IsZero())
	}
}

func TestFetchWithoutAccess(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Auth("root", "rootpassword"))
	root := server.Client(t)
	f := fixture{server, root, root.Database("closed")}
	f.insert(t, "c", d("_id", 1))
	changes := f.changesOf(t, "c", 1)
	require.NoError(t, root.Database("closed").RunCommand(t.Context(), d(
		"createUser", "guest", "pwd", "guest", "roles", bson.A{d("role", "read", "db", "open")})).Err())
	stream, err := NewChangeStream(f.as(t, "guest", "guest", "closed"), "open")
	require.NoError(t, err)
	_, err = stream.Fetch(t.Context(), changes, failsNever(t))
	requireSetting(t, err, SettingCredentials)
}

// TestDirectReadIsolates reads views and pipelines that fail for some documents, whatever the type of their _id.
func TestDirectReadIsolates(t *testing.T) {
	f := setup(t)
	var docs []any
	var bad []string
	for i, id := range mixedIDs() {
		n := 1
		if i%9 == 0 {
			n = 0
			bad = append(bad, fmt.Sprint(id))
		}
		docs = append(docs, d("_id", id, "n", n))
	}
	f.insert(t, "c", docs...)
	f.insert(t, "c", d("_id", "large", "n", 1, "text", strings.Repeat("x", 9<<20)))
	double := d("$addFields", d("again", "$text"))
	views := map[string]mongo.Pipeline{
		"dividing": {inverse},
		"growing":  {double},
		"joined":   {d("$lookup", d("from", "none", "localField", "n", "foreignField", "n", "as", "x")), inverse},
		"much": {d("$match", d("n", d("$gte", 0))), d("$unset", "x"), d("$project", d("large", 0)), inverse,
			d("$sort", d("n", 1)), d("$redact", "$$KEEP")},
		"projected": {d("$project", d("n", 1, "q", d("$divide", bson.A{1, "$n"})))},
	}
	for name, pipeline := range views {
		require.NoError(t, f.db.CreateView(t.Context(), name, "c", pipeline))
	}
	require.NoError(t, f.db.CreateView(t.Context(), "nested", "dividing", mongo.Pipeline{double}))
	pipeline := WithPipeline(func(string, bool) (mongo.Pipeline, error) { return mongo.Pipeline{inverse}, nil })
	for _, test := range []struct {
		name  string
		bad   []string
		large bool
		opts  []Option
		less  int // documents the view leaves out
	}{
		{"dividing", bad, false, nil, 0}, {"growing", nil, true, nil, 0}, {"nested", bad, true, nil, 0}, {"much", bad, false, nil, 0},
		{"joined", bad, false, nil, 3},
		{"projected", bad, false, nil, 0},
		{"c", bad, false, []Option{pipeline}, 0}, {"growing", bad, true, []Option{pipeline}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := f.readAll(t, test.name, test.opts...)
			wantBad := slices.Clone(test.bad)
			if test.large {
				wantBad = append(wantBad, "large")
			}
			var failed []goatee.Change
			for _, fail := range got.failed() {
				require.Equal(t, goatee.OpRead, fail.Change.Op)
				require.Equal(t, f.namespace(test.name), fail.Change.Namespace)
				require.False(t, fail.Change.ClusterTime.IsZero())
				require.NotContains(t, fail.Err.Error(), "event")
				failed = append(failed, fail.Change)
			}
			require.Len(t, failed, len(wantBad))
			all := ids(got.changes())
			require.Equal(t, len(docs)+1-len(wantBad)-test.less, len(slices.Compact(slices.Clone(all))), "every other document")
			for _, id := range ids(failed) {
				require.NotContains(t, all, id)
			}
		})
	}
}

// TestDirectReadThatCannotIsolate ends with a clear error, and is not complete.
func TestDirectReadThatCannotIsolate(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1, "n", 0, "a", bson.A{1}), d("_id", 2, "n", 1, "a", bson.A{1, 2}))
	for name, stages := range map[string]mongo.Pipeline{
		"group":       {d("$group", d("_id", "$n")), d("$addFields", d("q", d("$divide", bson.A{1, "$_id"})))},
		"unwind":      {d("$unwind", "$a"), inverse},
		"replaceRoot": {d("$replaceRoot", d("newRoot", d("n", "$n"))), inverse},
		"own id":      {d("$addFields", d("_id", d("$divide", bson.A{1, "$n"})))},
		"dotted id":   {d("$addFields", d("_id.x", d("$divide", bson.A{1, "$n"})))},
		"no id":       {d("$project", d("_id", 0, "n", 1)), inverse},
		"computed id": {d("$project", d("_id", "$n", "n", 1)), inverse},
		"unset id":    {d("$unset", bson.A{"x", "_id"}), inverse},
		"limit":       {d("$limit", 10), inverse},
		"facet":       {d("$facet", d("x", bson.A{inverse}))},
		"union":       {d("$unionWith", "c"), inverse},
	} {
		t.Run(name, func(t *testing.T) {
			view := strings.ReplaceAll(name, " ", "")
			require.NoError(t, f.db.CreateView(t.Context(), view, "c", stages))
			read, err := NewDirectRead(f.client, f.db.Name()+"."+view)
			require.NoError(t, err)
			err = read.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
				require.False(t, b.Position.Complete)
				return nil
			})
			require.ErrorContains(t, err, "documents behind the failing one were not read")
			require.ErrorContains(t, err, view)
		})
	}
}

// TestDirectReadOfAViewThatAlwaysFails: no document is the reason.
func TestDirectReadOfAViewThatAlwaysFails(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1))
	require.NoError(t, f.db.CreateView(t.Context(), "v", "c", mongo.Pipeline{
		d("$addFields", d("q", d("$divide", bson.A{1, 0})))}))
	read, err := NewDirectRead(f.client, f.db.Name()+".v")
	require.NoError(t, err)
	err = read.Run(t.Context(), goatee.Position{}, func(context.Context, *goatee.Batch) error { return nil })
	require.ErrorContains(t, err, "divide by zero")
	require.NotContains(t, err.Error(), "documents behind")
}

func TestDirectReadOfAViewWithACollation(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", "a", "n", 1, "s", "X"), d("_id", "b", "n", 0, "s", "x"), d("_id", "c", "n", 1, "s", "y"))
	require.NoError(t, f.db.RunCommand(t.Context(), d("create", "v", "viewOn", "c",
		"pipeline", bson.A{d("$match", d("s", "x")), inverse}, "collation", d("locale", "en", "strength", 2))).Err())
	got := f.readAll(t, "v")
	require.Equal(t, []string{"read v a"}, lines(t, got.changes()))
	require.Equal(t, []string{"read v b"}, failedIDs(t, got.failed()))
}

// TestRenameBehindAFailingPipeline: the stream goes on.
func TestRenameBehindAFailingPipeline(t *testing.T) {
	f := setup(t)
	f.insert(t, "a", d("_id", 1, "n", 0), d("_id", 2, "n", 1))
	failing := WithPipeline(func(_ string, stream bool) (mongo.Pipeline, error) {
		if stream {
			return nil, nil
		}
		return mongo.Pipeline{d("$limit", 10), inverse}, nil
	})
	stream, from := f.stream(t, f.db.Name(), failing)
	got, _ := run(t, stream, from)
	f.rename(t, "a", "b", false)
	f.insert(t, "c", d("_id", 3))
	require.Contains(t, got.lines(t, 3), "insert c 3")
	require.Equal(t, []string{"read b"}, failedIDs(t, got.failed()))
}

// TestFinderTellsRefusedQueries: a caller can tell what lies in its query from what lies in the connection.
func TestFinderTellsRefusedQueries(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1, "n", 0), d("_id", 2, "n", 1))
	require.NoError(t, f.db.CreateView(t.Context(), "v", "c", mongo.Pipeline{inverse}))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx     context.Context
		filter  bson.D
		refused bool
	}{
		"a document the view fails for": {t.Context(), d("_id", d("$in", bson.A{1, 2})), true},
		"a value taken for an operator": {t.Context(), d("_id", d("$in", bson.A{d("$foo", 1)})), true},
		"too large":                     {t.Context(), d("_id", strings.Repeat("x", 17<<20)), true},
		"far too large":                 {t.Context(), d("_id", strings.Repeat("x", 50<<20)), true},
		"not to be marshalled":          {t.Context(), d("_id", make(chan int)), true},
		"the end of the context":        {ended, d("_id", 2), false},
	} {
		t.Run(name, func(t *testing.T) {
			var errs []error
			for _, err := range f.finder(t).Find(test.ctx, f.namespace("v"), test.filter, nil) {
				errs = append(errs, err)
			}
			require.Len(t, errs, 1)
			var told interface{ QueryRefused() bool }
			require.Equal(t, test.refused, asRefused(errs[0], &told))
			require.ErrorContains(t, errs[0], f.db.Name()+".v")
		})
	}
	require.Len(t, find(t, f.finder(t), f.namespace("v"), d("_id", 2), nil), 1)
}

func TestRepeats(t *testing.T) {
	var none *repeats
	none.add(0, nil)
	id := func(n int) []byte { return mustRaw(t, d("_id", primitive.NewObjectID(), "n", n)).Lookup("n").Value }
	exact := newRepeats(100)
	for i := range 150 {
		exact.add(16, id(i%90))
	}
	require.EqualValues(t, 60, exact.count)
	require.Zero(t, exact.bits)
	about := newRepeats(1000)
	for i := range 40_000 {
		about.add(16, id(i/2))
	}
	require.LessOrEqual(t, len(about.seen), 1000, "memory is bounded")
	require.InEpsilon(t, 20_000, about.count<<about.bits, 0.3)
}

func asRefused(err error, told *interface{ QueryRefused() bool }) bool {
	return errors.As(err, told) && (*told).QueryRefused()
}

// as returns a client of another user.
func (f fixture) as(t *testing.T, user, password, database string) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(t.Context(), options.Client().ApplyURI(f.server.URI()).
		SetAuth(options.Credential{Username: user, Password: password, AuthSource: database}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Disconnect(context.Background())) })
	return client
}
