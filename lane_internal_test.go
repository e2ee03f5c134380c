package goatee

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

func testChange(t *testing.T, op Op, id any, time uint32) *Change {
	t.Helper()
	typ, value, err := bson.MarshalValue(id)
	require.NoError(t, err)
	return &Change{Op: op, Namespace: Namespace{"shop", "orders"}, ID: bson.RawValue{Type: typ, Value: value},
		ClusterTime: primitive.Timestamp{T: time}}
}

func TestCollapseKeepsTheNewestChangeOfEachDocument(t *testing.T) {
	type ch struct {
		op   Op
		id   any
		time uint32
	}
	for name, tt := range map[string]struct{ in, want []ch }{
		"updates of one document": {
			[]ch{{OpInsert, 1, 1}, {OpUpdate, 1, 2}, {OpInsert, 2, 3}, {OpUpdate, 1, 4}},
			[]ch{{OpInsert, 2, 3}, {OpUpdate, 1, 4}},
		},
		"a delete is kept, because the next document may be written to another index or with another routing": {
			[]ch{{OpUpdate, 1, 1}, {OpDelete, 1, 2}, {OpInsert, 1, 3}, {OpUpdate, 1, 4}},
			[]ch{{OpDelete, 1, 2}, {OpUpdate, 1, 4}},
		},
		"of deletes the last": {
			[]ch{{OpInsert, 1, 1}, {OpDelete, 1, 2}, {OpInsert, 1, 3}, {OpDelete, 1, 4}}, []ch{{OpDelete, 1, 4}},
		},
		"a transaction's changes share a cluster time": {
			[]ch{{OpUpdate, 1, 5}, {OpDelete, 1, 5}}, []ch{{OpDelete, 1, 5}},
		},
		"a slower stream's older change does not replace a newer one": {
			[]ch{{OpUpdate, 1, 9}, {OpUpdate, 1, 4}}, []ch{{OpUpdate, 1, 9}, {OpUpdate, 1, 4}},
		},
		"direct reads are kept and replace nothing": {
			[]ch{{OpUpdate, 1, 9}, {OpRead, 1, 4}, {OpRead, 1, 10}, {OpUpdate, 1, 11}},
			[]ch{{OpRead, 1, 4}, {OpRead, 1, 10}, {OpUpdate, 1, 11}},
		},
		"ids of other types with one text are two documents": {
			[]ch{{OpUpdate, int32(5), 1}, {OpUpdate, "5", 2}}, []ch{{OpUpdate, int32(5), 1}, {OpUpdate, "5", 2}},
		},
		"inserts alone": {[]ch{{OpInsert, 1, 1}, {OpInsert, 2, 2}}, []ch{{OpInsert, 1, 1}, {OpInsert, 2, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			l := &lane{seen: map[uint64]*item{}}
			h := newHasher()
			var items []item
			for _, c := range tt.in {
				change := testChange(t, c.op, c.id, c.time)
				items = append(items, item{change: change, t: &tracked{}, hash: h.change(change)})
			}
			var got []string
			for _, i := range l.collapse(items) {
				got = append(got, fmt.Sprint(i.change.Op, i.change.ID, i.change.ClusterTime.T))
			}
			var want []string
			for _, c := range tt.want {
				change := testChange(t, c.op, c.id, c.time)
				want = append(want, fmt.Sprint(change.Op, change.ID, c.time))
			}
			require.Equal(t, want, got)
		})
	}
}

// Should the newer change have to wait, the position of the other source would pass what is not durable.
func TestChangesOfSeveralSourcesAreNotCollapsed(t *testing.T) {
	l, one, other := readingLane(t, WithSink(sinkFunc(func(context.Context, []Action) error { return nil })))
	items := []item{
		l.testItem(t, one, OpUpdate, 1, 1), l.testItem(t, other, OpUpdate, 1, 1), l.testItem(t, one, OpUpdate, 2, 1), l.testItem(t, one, OpUpdate, 2, 2),
	}
	require.Len(t, l.collapse(items), 3)
}

// Two sources at once: while one has a drop applied, nothing of the other is on its way.
func TestBarrierHoldsOtherSourcesBack(t *testing.T) {
	var mu sync.Mutex
	var log []string
	sink := sinkFunc(func(_ context.Context, actions []Action) error {
		mu.Lock()
		log = append(log, "begin "+actions[0].Kind.String())
		mu.Unlock()
		for range 200 { // whoever may run now does
			runtime.Gosched()
		}
		defer func() { mu.Lock(); log = append(log, "end "+actions[0].Kind.String()); mu.Unlock() }()
		return nil
	})
	dropping := sourceFunc{"drops", func(ctx context.Context, emit EmitFunc) error {
		for i := range uint32(50) {
			drop := Change{Op: OpDrop, Namespace: Namespace{"shop", "old"}, ClusterTime: primitive.Timestamp{T: i}}
			if err := emit(ctx, &Batch{Changes: []Change{drop}}); err != nil {
				return err
			}
		}
		return nil
	}}
	writing := sourceFunc{"writes", func(ctx context.Context, emit EmitFunc) error {
		for i := range uint32(500) {
			c := testChange(t, OpInsert, int32(i), i)
			c.Document = NewDocument(bson.Raw{5, 0, 0, 0, 0})
			written := make(chan struct{})
			if err := emit(ctx, &Batch{Changes: []Change{*c}, Release: func() { close(written) }}); err != nil {
				return err
			}
			<-written // so that there are moments without a write, in which a drop can begin
		}
		return nil
	}}
	s, err := New(WithSource(dropping), WithSource(writing), WithSink(sink))
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context()))
	open := 0
	for i, line := range log {
		if line == "begin drop" {
			require.Zero(t, open, "line %d: writes are under way", i)
			require.Equal(t, "end drop", log[i+1])
		}
		if line[0] == 'b' {
			open++
		} else {
			open--
		}
	}
}

type sinkFunc func(context.Context, []Action) error

func (f sinkFunc) Write(ctx context.Context, actions []Action) error { return f(ctx, actions) }

type sourceFunc struct {
	name string
	run  func(context.Context, EmitFunc) error
}

func (s sourceFunc) Name() string { return s.name }

func (s sourceFunc) Run(ctx context.Context, _ Position, emit EmitFunc) error {
	return s.run(ctx, emit)
}
