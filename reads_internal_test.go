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

func (readFunc) Stateful() bool       { return false }
func (readFunc) Namespace() Namespace { return Namespace{"shop", "orders"} }
func (readFunc) Begun() bool          { return true }

// waitingRead is a direct read that has not begun.
type waitingRead struct{ readFunc }

func (waitingRead) Begun() bool { return false }

func testPipeline(s *Syncer) *pipeline {
	return newPipeline(s, &Term{Reading: context.Background(), Writing: context.Background()})
}

// readingLane returns the lane of a pipeline with a direct read under way, that read, and a stream.
func readingLane(t *testing.T, opts ...Option) (l *lane, read, stream *sourceState) {
	t.Helper()
	s, err := New(append(opts, WithSource(readFunc{sourceFunc{name: "r"}}), WithSource(sourceFunc{name: "s"}), WithLanes(1))...)
	require.NoError(t, err)
	p := testPipeline(s)
	return p.lanes[0], p.sources[0], p.sources[1]
}

func (l *lane) testItem(t *testing.T, src *sourceState, op Op, id any, time uint32) item {
	t.Helper()
	c := testChange(t, op, id, time)
	if op.HasDocument() {
		c.Document = NewDocument(bson.Raw{5, 0, 0, 0, 0})
	}
	t2 := &tracked{src: src}
	return item{change: c, t: t2, hash: l.apply.hash.change(c)}
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

// What no sink could attribute to a document is refused where it arises.
func TestAnActionWithoutChangeIsADeadLetter(t *testing.T) {
	var letters []DeadLetter
	sink := sinkFunc(func(context.Context, []Action) error { panic("nothing is to be written") })
	stripped := TransformFunc(func(context.Context, *Change, []Action) ([]Action, error) { return []Action{{Index: "x"}}, nil })
	l, read, _ := readingLane(t, WithSink(sink), WithTransformer(stripped),
		WithDeadLetter(func(_ context.Context, d DeadLetter) error { letters = append(letters, d); return nil }))
	l.testProcess(t, l.testItem(t, read, OpRead, int32(1), 10))
	require.Len(t, letters, 1)
	require.Equal(t, StageTransform, letters[0].Stage)
	require.ErrorContains(t, letters[0].Err, "without Change")
}

func (r *reads) remembered() (n int) {
	for _, ns := range r.byNamespace {
		n += len(ns.deleted)
	}
	return n
}

// What is remembered about deletes: only what is deleted in a namespace under read, once for each target, by whoever's
// decision, and as part of the budget.
func TestDeletesAreRememberedByTarget(t *testing.T) {
	nothing := sinkFunc(func(context.Context, []Action) error { return nil })
	dropAll := TransformFunc(func(_ context.Context, _ *Change, a []Action) ([]Action, error) {
		a[0].Kind = ActionDelete
		return a, nil
	})
	routed := TransformFunc(func(_ context.Context, c *Change, a []Action) ([]Action, error) {
		a[0].Routing = fmt.Sprint(c.ClusterTime.T % 2)
		return a, nil
	})
	for name, tt := range map[string]struct {
		transformer Transformer
		op          Op
		ns          Namespace
		direct      bool
		want        int
	}{
		"deletes of one document":      {op: OpDelete, want: 1},
		"documents that are dropped":   {op: OpUpdate, transformer: dropAll, want: 1},
		"writes":                       {op: OpUpdate, want: 0},
		"deletes at two places":        {op: OpDelete, transformer: routed, want: 3}, // and where it goes by default
		"another namespace":            {op: OpDelete, ns: Namespace{"logs", "sessions"}, want: 0},
		"what the read itself deletes": {op: OpRead, transformer: dropAll, direct: true, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			opts := []Option{WithSink(nothing)}
			if tt.transformer != nil {
				opts = append(opts, WithTransformer(tt.transformer))
			}
			l, read, stream := readingLane(t, opts...)
			src := stream
			if tt.direct {
				src = read
			}
			for i := range uint32(100) {
				it := l.testItem(t, src, tt.op, int32(1), 10+i)
				if !tt.ns.IsZero() {
					it.change.Namespace = tt.ns
				}
				l.testProcess(t, it)
			}
			require.Equal(t, tt.want, l.p.reads.remembered())
			require.Equal(t, int64(tt.want*tombstoneBytes), l.p.budget.Used())
			l.p.reads.end(read)
			require.Zero(t, l.p.reads.remembered())
			require.Zero(t, l.p.budget.Used())
		})
	}
}

// As long as a read has not begun, everything it will bring is newer than what is deleted now.
func TestNothingIsRememberedForAReadThatHasNotBegun(t *testing.T) {
	s, err := New(WithSource(waitingRead{readFunc{sourceFunc{name: "r"}}}), WithSource(sourceFunc{name: "s"}), WithLanes(1),
		WithSink(sinkFunc(func(context.Context, []Action) error { return nil })))
	require.NoError(t, err)
	p := testPipeline(s)
	l := p.lanes[0]
	l.testProcess(t, l.testItem(t, p.sources[1], OpDelete, int32(1), 10))
	require.Zero(t, p.reads.remembered())
}

// The floor is the oldest position of the reads of a namespace; when the first of two ends, the other still needs what is
// remembered.
func TestTombstonesLastUntilTheLastReadEnds(t *testing.T) {
	s, err := New(WithSource(readFunc{sourceFunc{name: "a"}}), WithSource(readFunc{sourceFunc{name: "b"}}),
		WithSource(sourceFunc{name: "s"}), WithLanes(1),
		WithSink(sinkFunc(func(context.Context, []Action) error { return nil })))
	require.NoError(t, err)
	p := testPipeline(s)
	l, a, b := p.lanes[0], p.sources[0], p.sources[1]
	at := func(src *sourceState, time uint32) {
		src.marks.Reset(progress{Position: Position{ClusterTime: primitive.Timestamp{T: time}}})
		p.reads.advance(src)
	}
	at(a, 50)
	at(b, 30)
	l.testProcess(t, l.testItem(t, p.sources[2], OpDelete, int32(1), 29), l.testItem(t, p.sources[2], OpDelete, int32(2), 40))
	require.Equal(t, 1, p.reads.remembered(), "a delete before the oldest read is not remembered")
	p.reads.end(a)
	require.Equal(t, 1, p.reads.remembered())
	require.True(t, p.reads.active.Load())
	p.reads.end(b)
	require.Zero(t, p.reads.remembered())
	require.False(t, p.reads.active.Load())
}

// A delete has no content by which a transformer could choose its place; the older copy that a read still holds has.
func TestAStaleReadThatGoesElsewhereIsStaleToo(t *testing.T) {
	var wrote []string
	sink := sinkFunc(func(_ context.Context, actions []Action) error {
		for _, a := range actions {
			wrote = append(wrote, fmt.Sprintf("%s %s@%d", a.Kind, a.Index, a.Change.ClusterTime.T))
		}
		return nil
	})
	byContent := TransformFunc(func(_ context.Context, c *Change, a []Action) ([]Action, error) {
		if c.Op.HasDocument() {
			a[0].Index = "special"
		}
		return a, nil
	})
	l, read, stream := readingLane(t, WithSink(sink), WithTransformer(byContent))
	l.testProcess(t, l.testItem(t, stream, OpDelete, int32(1), 20))
	l.testProcess(t, l.testItem(t, read, OpRead, int32(1), 10), l.testItem(t, read, OpRead, int32(2), 10))
	require.Equal(t, []string{"delete @20", "index special@10"}, wrote, "the read of 1 is older than its delete")
}

// When many deletes are remembered, those are forgotten that no document to come can be older than, and no others.
func TestOldTombstonesAreForgotten(t *testing.T) {
	l, read, stream := readingLane(t, WithSink(sinkFunc(func(context.Context, []Action) error { return nil })))
	at := func(time uint32) {
		read.marks.Reset(progress{Position: Position{ClusterTime: primitive.Timestamp{T: time}}})
		l.p.reads.advance(read)
	}
	deletes := func(first, n int, time uint32) {
		for i := range n {
			l.testProcess(t, l.testItem(t, stream, OpDelete, int32(first+i), time))
		}
	}
	at(30)
	deletes(0, 1000, 40)
	require.Equal(t, 1000, l.p.reads.remembered())
	at(50)
	deletes(2000, 50, 60)
	require.Equal(t, 50, l.p.reads.remembered())
	require.Equal(t, int64(50*tombstoneBytes), l.p.budget.Used())
}
