package goatee

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// readFunc is a direct read.
type readFunc struct{ sourceFunc }

func (readFunc) Stateful() bool { return false }

// readingLane returns the lane of a pipeline with a direct read under way, that read, and a stream.
func readingLane(t *testing.T, opts ...Option) (l *lane, read, stream *sourceState) {
	t.Helper()
	s, err := New(append(opts, WithSource(readFunc{sourceFunc{name: "r"}}), WithSource(sourceFunc{name: "s"}), WithLanes(1))...)
	require.NoError(t, err)
	p := newPipeline(&s.config, 0)
	return p.lanes[0], p.sources[0], p.sources[1]
}

func (l *lane) testItem(t *testing.T, src *sourceState, op Op, id any, time uint32) item {
	t.Helper()
	c := testChange(t, op, id, time)
	if op.HasDocument() {
		c.Document = NewDocument(bson.Raw{5, 0, 0, 0, 0})
	}
	return item{change: c, src: src, hash: l.hash.change(c)}
}

func (l *lane) testProcess(t *testing.T, items ...item) {
	t.Helper()
	l.items, l.ops = items, 0
	for _, i := range items {
		l.ops |= 1 << i.change.Op
	}
	require.NoError(t, l.process(t.Context()))
}

// Elasticsearch does not compare what carries no version: what would be an older document there must not be sent.
func TestStaleReadDoesNotOverwriteWhatCarriesNoVersion(t *testing.T) {
	type ch struct {
		read bool
		op   Op
		id   int
		time uint32
	}
	for name, tt := range map[string]struct {
		batches [][]ch
		want    string
	}{
		"in one batch":     {[][]ch{{{false, OpUpdate, 1, 20}, {true, OpRead, 1, 10}}}, "[1@20]"},
		"in a later batch": {[][]ch{{{false, OpInsert, 1, 20}}, {{true, OpRead, 1, 10}}}, "[1@20]"},
		"a newer read":     {[][]ch{{{false, OpUpdate, 1, 20}}, {{true, OpRead, 1, 30}}}, "[1@20 1@30]"},
		"another document": {[][]ch{{{false, OpUpdate, 1, 20}}, {{true, OpRead, 2, 10}}}, "[1@20 2@10]"},
		"a read before it": {[][]ch{{{true, OpRead, 1, 10}, {false, OpUpdate, 1, 20}}}, "[1@10 1@20]"},
		"a read that is no direct read": {
			[][]ch{{{false, OpUpdate, 1, 20}}, {{false, OpRead, 1, 10}}}, "[1@20 1@10]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var wrote []string
			sink := sinkFunc(func(_ context.Context, actions []Action) error {
				for _, a := range actions {
					wrote = append(wrote, fmt.Sprintf("%d@%d", a.Change.ID.AsInt64(), a.Change.ClusterTime.T))
				}
				return nil
			})
			asUpdate := TransformFunc(func(_ context.Context, _ *Change, actions []Action) ([]Action, error) {
				actions[0].Kind = ActionUpdate
				return actions, nil
			})
			l, read, stream := readingLane(t, WithSink(sink), WithTransformer(asUpdate))
			for _, batch := range tt.batches {
				var items []item
				for _, c := range batch {
					src := stream
					if c.read {
						src = read
					}
					items = append(items, l.testItem(t, src, c.op, int32(c.id), c.time))
				}
				l.testProcess(t, items...)
			}
			require.Equal(t, tt.want, fmt.Sprint(wrote))
		})
	}
}

// An action without its change is for the sink to refuse.
func TestAnActionWithoutChangeIsLeftToTheSink(t *testing.T) {
	var wrote []Action
	sink := sinkFunc(func(_ context.Context, actions []Action) error { wrote = append(wrote, actions...); return nil })
	stripped := TransformFunc(func(context.Context, *Change, []Action) ([]Action, error) { return []Action{{Index: "x"}}, nil })
	l, read, _ := readingLane(t, WithSink(sink), WithTransformer(stripped))
	l.testProcess(t, l.testItem(t, read, OpRead, int32(1), 10))
	require.Equal(t, []Action{{Index: "x"}}, wrote)
}

// A document that comes and goes all the time is remembered once, by its last delete.
func TestDeletesOfOneDocumentAreRememberedOnce(t *testing.T) {
	l, read, stream := readingLane(t, WithSink(sinkFunc(func(context.Context, []Action) error { return nil })))
	for i := range uint32(1000) {
		l.testProcess(t, l.testItem(t, stream, OpDelete, int32(1), 10+i))
	}
	remembered := 0
	for _, list := range l.p.deletes.byHash {
		remembered += len(list)
	}
	require.Equal(t, 1, remembered)
	require.True(t, l.p.deletes.isStale(l, l.testItem(t, read, OpRead, int32(1), 1009)))
	require.False(t, l.p.deletes.isStale(l, l.testItem(t, read, OpRead, int32(1), 1010)))
}

// What a read that waits for its turn will bring may be older than any delete.
func TestAReadThatHasNotBegunHoldsTheFloorAtZero(t *testing.T) {
	s, err := New(WithSource(readFunc{sourceFunc{name: "running"}}), WithSource(readFunc{sourceFunc{name: "waiting"}}),
		WithSink(sinkFunc(func(context.Context, []Action) error { return nil })))
	require.NoError(t, err)
	p := newPipeline(&s.config, 0)
	running, waiting := p.sources[0], p.sources[1]
	at := func(src *sourceState, time uint32) {
		src.marks.Reset(progress{Position: Position{ClusterTime: primitive.Timestamp{T: time}}})
		p.reads.advance()
	}
	at(running, 50)
	require.Zero(t, p.reads.floor.Load())
	at(waiting, 30)
	require.Equal(t, uint64(30)<<32, p.reads.floor.Load())
	waiting.done.Store(true)
	at(running, 60)
	require.Equal(t, uint64(60)<<32, p.reads.floor.Load())
}
