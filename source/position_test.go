package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
	"go.mongodb.org/mongo-driver/mongo"

	"github.com/goatee-sync/goatee"
)

// journal is a log that a test reads while it is written.
type journal struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all.Write(p)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.all.String(), text)
}

func (j *journal) option() Option { return WithLogger(slog.New(slog.NewTextHandler(j, nil))) }

// TestStreamTellsHowFarItIs: batches of a full reply do not say that it has caught up, the last one does.
func TestStreamTellsHowFarItIs(t *testing.T) {
	f := setup(t)
	stream, from := f.stream(t, f.db.Name()+".c", WithBatchSize(10), WithMaxAwait(20*time.Millisecond))
	for i := range 35 {
		f.insert(t, "c", d("_id", i))
	}
	before, err := clusterTime(t.Context(), f.client)
	require.NoError(t, err)
	got, _ := run(t, stream, from)
	caughtUp := func() *recorded {
		for _, b := range got.snapshot() {
			if b.caughtUp {
				return &b
			}
		}
		return nil
	}
	got.eventually(t, func() bool { return caughtUp() != nil }, "a batch that has caught up")
	seen := 0
	for _, b := range got.snapshot() {
		seen += len(b.changes)
		require.False(t, b.head.Before(before), "MongoDB has told of the last insert")
		if b.caughtUp {
			break
		}
	}
	require.Equal(t, 35, seen, "it has caught up when everything has come")
}

func TestExhausts(t *testing.T) {
	for name, test := range map[string]struct {
		asked  int64
		events int
		size   int
		want   bool
	}{
		"nothing":                           {100, 0, 200, true},
		"some":                              {100, 99, 1 << 20, true},
		"as many as asked for":              {100, 100, 1 << 20, false},
		"perhaps no room":                   {100, 20, 15 << 20, false},
		"the command that opens a stream":   {0, 0, 200, false},
		"that command, with events in it":   {0, 5, 200, false},
		"one large event, asked for by one": {1, 1, 1 << 20, false},
	} {
		r := reply{asked: test.asked, size: test.size}
		require.Equal(t, test.want, r.exhausts(test.events), name)
	}
}

// TestIdleStreamCatchesUpOnce: what has been told is not told again, unless the position moves.
func TestIdleStreamCatchesUpOnce(t *testing.T) {
	var batches []goatee.Batch
	r := testRun(func(_ context.Context, b *goatee.Batch) error {
		batches = append(batches, *b)
		return nil
	})
	empty := eventReply(t, 0)
	empty.asked = 10
	empty.operationTime = primitive.Timestamp{T: 9, I: 9}
	for range 3 {
		_, err := r.handle(t.Context(), empty)
		require.NoError(t, err)
	}
	require.Len(t, batches, 1)
	require.True(t, batches[0].CaughtUp)
	require.Equal(t, empty.operationTime, batches[0].Head)
	full := eventReply(t, 10)
	full.asked = 10
	_, err := r.handle(t.Context(), full)
	require.NoError(t, err)
	require.False(t, batches[1].CaughtUp)
	_, err = r.handle(t.Context(), empty)
	require.NoError(t, err)
	require.Len(t, batches, 3, "the same position, but news")
	require.True(t, batches[2].CaughtUp)
}

func TestPositionInTheFuture(t *testing.T) {
	f := setup(t)
	var log journal
	stream, now := f.stream(t, f.db.Name(), log.option(), WithMaxAwait(20*time.Millisecond))
	const words = "the position lies in the future"
	got, stop := run(t, stream, now)
	f.insert(t, "c", d("_id", 1))
	got.lines(t, 1)
	require.ErrorIs(t, stop(), context.Canceled)
	require.Zero(t, log.count(words))

	later := now.ClusterTime
	later.T += 3600
	token := goatee.Position{Token: mustRaw(t, d("_data", fmt.Sprintf("82%08X000000012B0229296E04", later.T)))}
	for i, from := range []goatee.Position{{ClusterTime: later}, token} {
		_, stop := run(t, stream, from)
		require.Eventually(t, func() bool { return log.count(words) == i+1 }, patience, tick)
		require.ErrorIs(t, stop(), context.Canceled)
	}
}

const tick = 5 * time.Millisecond

func TestDamagedToken(t *testing.T) {
	f := setup(t)
	stream, _ := f.stream(t, f.db.Name())
	now, err := stream.tryOpen(t.Context())
	require.NoError(t, err)
	data := now.Lookup("_data").StringValue()
	for _, token := range []bson.D{
		d("_data", data[:len(data)-4]), d("_data", data[:20]), d("_data", "garbage"), d("_data", ""), d("_data", 5), d("x", 1),
		d("_data", strings.Repeat("F", 40)),
	} {
		err := stream.Run(t.Context(), goatee.Position{Token: mustRaw(t, token)},
			func(context.Context, *goatee.Batch) error { return nil })
		require.ErrorIs(t, err, goatee.ErrPositionLost, "%v", token)
		require.ErrorContains(t, err, stream.Name())
		if token[0].Value != strings.Repeat("F", 40) {
			require.ErrorContains(t, err, "damaged")
			require.NotContains(t, err.Error(), "oplog no longer")
		}
	}
}

// TestExpressionThatMongoDBCannotCompile is applied here, and that is said once.
func TestExpressionThatMongoDBCannotCompile(t *testing.T) {
	f := setup(t)
	large := "^" + regexp.QuoteMeta(f.db.Name()) + `\.(wanted|` + strings.Repeat("abcdefghij|", 4500) + "z)$"
	var log journal
	stream, from := f.stream(t, "", WithInclude(regexp.MustCompile(large)), log.option())
	require.NoError(t, stream.Check(t.Context()))
	got, _ := run(t, stream, from)
	f.insert(t, "other", d("_id", 1))
	f.insert(t, "wanted", d("_id", 2))
	require.Equal(t, []string{"insert wanted 2"}, got.lines(t, 1))
	require.Equal(t, 1, log.count("cannot compile"))
}

// TestBegun: a read has not begun as long as it waits for its turn, also when it is run again.
func TestBegun(t *testing.T) {
	f := setup(t)
	f.insert(t, "a", d("_id", 1))
	f.insert(t, "b", d("_id", 2))
	turns, err := NewTurns(1)
	require.NoError(t, err)
	newRead := func(collection string) *DirectRead {
		read, err := NewDirectRead(f.client, f.db.Name()+"."+collection, WithTurns(turns))
		require.NoError(t, err)
		return read
	}
	a, b := newRead("a"), newRead("b")
	require.False(t, a.Begun())
	hold := make(chan struct{})
	emitting := make(chan struct{}, 1)
	var reads sync.WaitGroup
	start := func(read *DirectRead, emit goatee.EmitFunc) {
		reads.Go(func() {
			if err := read.Run(t.Context(), goatee.Position{}, emit); err != nil {
				t.Error(err)
			}
		})
	}
	start(a, func(context.Context, *goatee.Batch) error {
		select {
		case emitting <- struct{}{}:
		default:
		}
		<-hold
		return nil
	})
	<-emitting
	require.True(t, a.Begun())

	// It has begun once, and waits now.
	b.begun.Store(true)
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	reads.Go(func() {
		close(started)
		if err := b.Run(ctx, goatee.Position{}, nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	<-started
	require.Eventually(t, func() bool { return !b.Begun() }, patience, tick)
	cancel()
	close(hold)
	reads.Wait()
	start(b, func(context.Context, *goatee.Batch) error { return nil })
	reads.Wait()
	require.True(t, b.Begun())
}

// TestASecondRunIsNewer: the pipeline runs a read again when it cannot remember any more deletes.
func TestASecondRunIsNewer(t *testing.T) {
	f := setup(t)
	f.insert(t, "c", d("_id", 1))
	read, err := NewDirectRead(f.client, f.db.Name()+".c")
	require.NoError(t, err)
	var last primitive.Timestamp
	for range 3 {
		f.delete(t, "none", 1)
		f.insert(t, "noise", d("n", 1))
		require.NoError(t, read.Run(t.Context(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
			for _, c := range b.Changes {
				require.True(t, c.ClusterTime.After(last))
				last = c.ClusterTime
			}
			return nil
		}))
	}
}

// TestRepeatedIDsOfAView are counted in one warning.
func TestRepeatedIDsOfAView(t *testing.T) {
	f := setup(t)
	for i := range 4 {
		f.insert(t, "c", d("_id", i, "rows", bson.A{1, 2, 3}[:i]))
	}
	for view, stages := range map[string]mongo.Pipeline{"rows": {d("$unwind", "$rows")}, "whole": {d("$set", d("x", 1))}} {
		require.NoError(t, f.db.CreateView(t.Context(), view, "c", stages))
		var log journal
		f.readAll(t, view, log.option())
		want := 0
		if view == "rows" {
			want = 1
		}
		require.Equal(t, want, log.count("repeated=3"), "0, 1, 2 and 3 rows")
		require.Equal(t, want, log.count("have an _id that another"))
	}
}
