package gridfs_test

import (
	"context"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/gridfs"
	"github.com/goatee-sync/goatee/internal/faultproxy"
	"github.com/goatee-sync/goatee/internal/testservers"
)

// fetcher is a source whose updates come without documents: it fetches at most two at a time.
type fetcher struct {
	inner
	documents map[string]goatee.Document
	calls     *[]int
	fails     string // the id of a change that fails
}

func (f fetcher) Fetch(_ context.Context, changes []*goatee.Change, fail func(*goatee.Change, error)) ([]*goatee.Change, error) {
	*f.calls = append(*f.calls, len(changes))
	n := min(2, len(changes))
	for _, c := range changes[:n] {
		if c.ID.String() == f.fails {
			fail(c, errors.New("of the inner source"))
			continue
		}
		c.Document = f.documents[c.ID.String()]
	}
	return changes[n:], nil
}

func TestFetchedFilesHaveTheirContent(t *testing.T) {
	s := newStore(t, "fs")
	f := fetcher{documents: map[string]goatee.Document{}, calls: new([]int)}
	var changes []*goatee.Change
	add := func(c goatee.Change, exists bool) {
		if exists {
			f.documents[c.ID.String()] = c.Document
		}
		c.Op, c.Document = goatee.OpUpdate, goatee.Document{}
		changes = append(changes, &c)
	}
	order := func(id string) goatee.Change {
		raw, err := bson.Marshal(bson.M{"_id": id})
		require.NoError(t, err)
		return goatee.Change{Namespace: goatee.Namespace{Database: "shop", Collection: "orders"},
			ID: bson.Raw(raw).Lookup("_id"), Document: goatee.NewDocument(raw)}
	}
	for _, id := range []string{"1", "2", "3"} {
		add(order(id), true)
	}
	add(s.upload(content(10)), true)
	add(s.upload(content(11)), true)
	add(s.upload(content(12)), false) // deleted since
	add(order("4"), true)

	src := s.source(f)
	given := append([]*goatee.Change(nil), changes...)
	var left []int
	for rest := changes; len(rest) > 0; {
		var err error
		rest, err = src.(goatee.DocumentFetcher).Fetch(context.Background(), rest, func(c *goatee.Change, err error) {
			require.NoError(t, err)
		})
		require.NoError(t, err)
		left = append(left, len(rest))
	}
	require.Equal(t, []int{5, 4, 3, 2, 1, 0}, left, "two orders, the third, each file alone, the last order")
	require.Equal(t, []int{3, 1, 1, 1, 1, 1}, *f.calls)
	require.Equal(t, given, changes, "the caller's slice is as it was")
	for _, i := range []int{0, 1, 2, 6} {
		require.False(t, changes[i].Document.IsZero())
		require.Nil(t, file(t, changes[i]))
	}
	require.Equal(t, base64.StdEncoding.EncodeToString(content(10)), file(t, changes[3]))
	require.Equal(t, base64.StdEncoding.EncodeToString(content(11)), file(t, changes[4]))
	require.True(t, changes[5].Document.IsZero())
}

// TestFetchFailsDamagedFiles: what the inner source fails is not read, and a damaged file is failed here.
func TestFetchFailsDamagedFiles(t *testing.T) {
	s := newStore(t, "fs")
	good, bad, inner := s.upload(content(2500)), s.upload(content(2500)), s.upload(content(2500))
	s.damage(bad, bson.M{"n": 1}, nil)
	f := fetcher{documents: map[string]goatee.Document{}, calls: new([]int), fails: inner.ID.String()}
	var changes []*goatee.Change
	for _, c := range []goatee.Change{bad, inner, good} {
		f.documents[c.ID.String()] = c.Document
		c.Document = goatee.Document{}
		changes = append(changes, &c)
	}
	failed := map[string]string{}
	for rest := changes; len(rest) > 0; {
		var err error
		rest, err = s.source(f).(goatee.DocumentFetcher).Fetch(t.Context(), rest, func(c *goatee.Change, err error) {
			require.NotContains(t, failed, c.ID.String(), "once")
			failed[c.ID.String()] = err.Error()
		})
		require.NoError(t, err)
	}
	require.Len(t, failed, 2)
	require.Contains(t, failed[bad.ID.String()], "chunks")
	require.Equal(t, "of the inner source", failed[inner.ID.String()])
	require.NotEmpty(t, file(t, changes[2]))
}

type reader struct{ inner }

func (reader) Stateful() bool                                 { return true }
func (reader) Begun() bool                                    { return true }
func (reader) Namespace() goatee.Namespace                    { return goatee.Namespace{} }
func (reader) Start(context.Context) (goatee.Position, error) { return position(7), nil }
func (reader) Check(context.Context) error                    { return context.Canceled }
func (reader) Estimate() int64                                { return 42 }

type readingFetcher struct {
	reader
	f fetcher
}

func (r readingFetcher) Fetch(
	ctx context.Context, changes []*goatee.Change, fail func(*goatee.Change, error),
) ([]*goatee.Change, error) {
	return r.f.Fetch(ctx, changes, fail)
}

// TestTheSourceCanWhatTheInnerCan finds through the wrapper what the inner source can do, and nothing else.
func TestTheSourceCanWhatTheInnerCan(t *testing.T) {
	s := newStore(t, "fs")
	for name, test := range map[string]struct {
		inner           goatee.Source
		direct, fetches bool
	}{
		"plain":            {inner{}, false, false},
		"reader":           {reader{}, true, false},
		"fetcher":          {fetcher{}, false, true},
		"both":             {readingFetcher{}, true, true},
		"a wrapped one":    {struct{ goatee.Source }{readingFetcher{}}, true, true},
		"a wrapped reader": {struct{ goatee.Source }{reader{}}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			src := s.source(test.inner)
			require.Equal(t, "inner", src.Name())
			_, fetches := goatee.As[goatee.DocumentFetcher](src)
			require.Equal(t, test.fetches, fetches)
			_, instrumented := src.(goatee.Instrumented)
			require.True(t, instrumented)
			direct, isDirect := goatee.As[goatee.DirectReader](src)
			require.Equal(t, test.direct, isDirect)
			if !isDirect {
				return
			}
			require.True(t, direct.Stateful())
			starter, _ := goatee.As[goatee.Starter](src)
			start, err := starter.Start(t.Context())
			require.NoError(t, err)
			require.Equal(t, position(7), start)
			estimator, _ := goatee.As[goatee.Estimator](src)
			require.EqualValues(t, 42, estimator.Estimate())
		})
	}
}

func TestReadingOutlastsAnInterruption(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client := server.Client(t)
	s := store{t, client, client.Database("files"), "fs", nil}
	c := s.upload(content(5000))

	proxy := faultproxy.New(t, server.Members()[0].Address())
	cut, err := mongo.Connect(context.Background(), options.Client().ApplyURI(server.URI()).
		SetHosts([]string{proxy.Addr()}).SetDirect(true).SetServerSelectionTimeout(200*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cut.Disconnect(context.Background())) })
	s.client = cut
	var states []error
	s.opts = append(s.opts, gridfs.WithObserver(goatee.Observer{State: func(i goatee.StateInfo) {
		require.Equal(t, "gridfs of inner", i.Component)
		states = append(states, i.Err)
	}}))
	proxy.Refuse(true)
	done := make(chan []*goatee.Batch, 1)
	go func() { done <- s.run([]goatee.Change{c}) }()
	require.Eventually(t, func() bool { return proxy.Accepted() >= 3 }, time.Minute, time.Millisecond)
	proxy.Refuse(false)
	out := <-done
	require.Equal(t, base64.StdEncoding.EncodeToString(content(5000)), file(t, &out[0].Changes[0]))
	require.Len(t, states, 2, "down and up")
	require.Error(t, states[0])
	require.NoError(t, states[1])
}

func TestReadingEndsWithItsContext(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client := server.Client(t)
	s := store{t, client, client.Database("files"), "fs", nil}
	src := s.source(inner{{Changes: []goatee.Change{s.upload(content(5000))}}})
	require.NoError(t, server.Members()[0].Pause())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- src.Run(ctx, goatee.Position{}, func(context.Context, *goatee.Batch) error { return nil })
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.NoError(t, server.Members()[0].Resume())
}

func TestMissingPrivilegesEndTheSource(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Auth("root", "rootpassword"))
	root := server.Client(t)
	s := store{t, root, root.Database("files"), "fs", nil}
	c := s.upload(content(10))
	require.NoError(t, root.Database("other").RunCommand(context.Background(), bson.D{
		{Key: "createUser", Value: "guest"}, {Key: "pwd", Value: "guestpassword"}, {Key: "roles", Value: bson.A{"read"}},
	}).Err())
	guest, err := mongo.Connect(context.Background(), options.Client().ApplyURI(server.URI()).
		SetAuth(options.Credential{Username: "guest", Password: "guestpassword", AuthSource: "other"}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, guest.Disconnect(context.Background())) })
	src, err := gridfs.NewSource(inner{{Changes: []goatee.Change{c}}}, guest)
	require.NoError(t, err)
	err = src.Run(context.Background(), goatee.Position{}, func(context.Context, *goatee.Batch) error { return nil })
	require.ErrorContains(t, err, "not authorized on files")
	require.ErrorContains(t, err, "files.fs.files")
}
