package source

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
)

// eventReply is a reply as a busy stream gives it: n events, every other one an update.
func eventReply(t testing.TB, n int) reply {
	t.Helper()
	events := bson.A{}
	for i := range n {
		event := d("_id", d("_data", "8263A1B2C3000000012B022C0100296E5A1004"), "operationType", "insert",
			"clusterTime", primitive.Timestamp{T: 7, I: uint32(i)}, "wallTime", primitive.DateTime(1),
			"fullDocument", d("_id", i, "name", "a name", "nested", d("a", bson.A{1, 2, 3})),
			"ns", d("db", "shop", "coll", "orders"), "documentKey", d("_id", i))
		if i%2 == 1 {
			event[1].Value = "update"
			event[4] = bson.E{Key: "updateDescription", Value: d("updatedFields", d("a", 1), "removedFields", bson.A{})}
		}
		events = append(events, event)
	}
	raw, err := bson.Marshal(d("cursor", d("nextBatch", events, "id", int64(1), "ns", "shop.$cmd.aggregate",
		"postBatchResumeToken", d("_data", "8263A1B2C3000000022B0229296E04")), "ok", 1))
	require.NoError(t, err)
	r, err := parseReply(raw)
	require.NoError(t, err)
	return r
}

// testRun is a run of a stream that has no server.
func testRun(emit goatee.EmitFunc) *streamRun {
	cfg := defaults(forStream)
	s := &ChangeStream{name: "change-stream:shop", target: goatee.Namespace{Database: "shop"}, cfg: cfg}
	return s.newRun(goatee.Position{}, emit)
}

func TestEventsCostNoAllocation(t *testing.T) {
	const n = 1000
	reply := eventReply(t, n)
	r := testRun(func(_ context.Context, b *goatee.Batch) error {
		require.Len(t, b.Changes, n)
		b.Release()
		return nil
	})
	allocations := testing.AllocsPerRun(20, func() {
		r.position = goatee.Position{}
		if _, err := r.handle(t.Context(), reply); err != nil {
			t.Fatal(err)
		}
	})
	require.Less(t, allocations/n, 0.2)
}

func TestMalformedEventsAreErrors(t *testing.T) {
	good := eventReply(t, 3)
	for i := range good.documents {
		broken := good
		broken.documents = append([]byte(nil), good.documents...)
		broken.documents[i] ^= 0xFF
		r := testRun(func(_ context.Context, b *goatee.Batch) error { return nil })
		require.NotPanics(t, func() { _, _ = r.handle(t.Context(), broken) })
	}
	cut := good
	cut.documents = good.documents[:len(good.documents)-3]
	_, err := testRun(nil).handle(t.Context(), cut)
	require.Equal(t, verdictFatal, classify(err, reading), "reading again gives the same bytes")
}

func TestTokenTime(t *testing.T) {
	tests := []struct {
		data any
		want primitive.Timestamp
		ok   bool
	}{
		{"8263A1B2C3000000022B0229296E04", primitive.Timestamp{T: 0x63A1B2C3, I: 2}, true},
		{"8263a1b2c30000000A", primitive.Timestamp{T: 0x63A1B2C3, I: 10}, true},
		{"8263A1B2C300", primitive.Timestamp{}, false},
		{"9963A1B2C3000000022B0229296E04", primitive.Timestamp{}, false},
		{"82 not hexadecimal 0000", primitive.Timestamp{}, false},
		{primitive.Binary{Data: []byte{1}}, primitive.Timestamp{}, false},
	}
	for _, tt := range tests {
		got, ok := tokenTime(mustRaw(t, d("_data", tt.data)))
		require.Equal(t, tt.ok, ok, "%v", tt.data)
		require.Equal(t, tt.want, got)
	}
}

func BenchmarkEvents(b *testing.B) {
	reply := eventReply(b, 1000)
	r := testRun(func(_ context.Context, batch *goatee.Batch) error {
		batch.Release()
		return nil
	})
	b.ReportAllocs()
	for b.Loop() {
		r.position = goatee.Position{}
		if _, err := r.handle(b.Context(), reply); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}
