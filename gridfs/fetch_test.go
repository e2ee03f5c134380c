package gridfs_test

import (
	"context"
	"encoding/base64"
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
}

func (f fetcher) Fetch(_ context.Context, changes []*goatee.Change) ([]*goatee.Change, error) {
	*f.calls = append(*f.calls, len(changes))
	n := min(2, len(changes))
	for _, c := range changes[:n] {
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
		rest, err = src.(goatee.DocumentFetcher).Fetch(context.Background(), rest)
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

type reader struct{ inner }

func (reader) Stateful() bool                                 { return true }
func (reader) Start(context.Context) (goatee.Position, error) { return position(7), nil }
func (reader) Check(context.Context) error                    { return context.Canceled }
func (reader) Estimate() int64                                { return 42 }

type readingFetcher struct {
	reader
	f fetcher
}

func (r readingFetcher) Fetch(ctx context.Context, changes []*goatee.Change) ([]*goatee.Change, error) {
	return r.f.Fetch(ctx, changes)
}

func TestTheSourceCanWhatTheInnerCan(t *testing.T) {
	s := newStore(t, "fs")
	for name, test := range map[string]struct {
		inner           goatee.Source
		direct, fetches bool
	}{
		"plain":   {inner{}, false, false},
		"reader":  {reader{}, true, false},
		"fetcher": {fetcher{}, false, true},
		"both":    {readingFetcher{}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			src := s.source(test.inner)
			require.Equal(t, "inner", src.Name())
			_, direct := src.(goatee.DirectReader)
			_, fetches := src.(goatee.DocumentFetcher)
			require.Equal(t, test.direct, direct)
			require.Equal(t, test.fetches, fetches)

			want, wantErr, estimate := goatee.Position{}, error(nil), int64(0)
			if test.direct {
				want, wantErr, estimate = position(7), context.Canceled, 42
			}
			start, err := src.(goatee.Starter).Start(context.Background())
			require.NoError(t, err)
			require.Equal(t, want, start)
			require.Equal(t, wantErr, src.(goatee.Checker).Check(context.Background()))
			require.Equal(t, estimate, src.(goatee.Estimator).Estimate())
		})
	}
}

func TestReadingOutlastsAnInterruption(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client := server.Client(t)
	s := store{t, client, client.Database("files"), "fs"}
	c := s.upload(content(5000))

	proxy := faultproxy.New(t, server.Members()[0].Address())
	cut, err := mongo.Connect(context.Background(), options.Client().ApplyURI(server.URI()).
		SetHosts([]string{proxy.Addr()}).SetDirect(true).SetServerSelectionTimeout(200*time.Millisecond))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cut.Disconnect(context.Background())) })
	s.client = cut
	proxy.Refuse(true)
	done := make(chan []*goatee.Batch, 1)
	go func() { done <- s.run([]goatee.Change{c}) }()
	require.Eventually(t, func() bool { return proxy.Accepted() >= 3 }, time.Minute, time.Millisecond)
	proxy.Refuse(false)
	out := <-done
	require.Equal(t, base64.StdEncoding.EncodeToString(content(5000)), file(t, &out[0].Changes[0]))
}

func TestReadingEndsWithItsContext(t *testing.T) {
	server := testservers.MongoDB(t, testservers.Dedicated())
	client := server.Client(t)
	s := store{t, client, client.Database("files"), "fs"}
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
	s := store{t, root, root.Database("files"), "fs"}
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
