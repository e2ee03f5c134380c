package cluster_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/cluster"
)

type plain struct{ batches []*goatee.Batch }

func (plain) Name() string { return "plain" }

func (s plain) Run(ctx context.Context, _ goatee.Position, emit goatee.EmitFunc) error {
	for _, b := range s.batches {
		if err := emit(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// reader is a source that can do everything.
type reader struct{ plain }

func (reader) Start(context.Context) (goatee.Position, error) { return position(7), nil }
func (reader) SourceID() goatee.SourceID                      { return goatee.SourceID{Kind: goatee.KindDirectRead} }
func (reader) Stateful() bool                                 { return true }
func (reader) Begun() bool                                    { return true }
func (reader) Namespace() goatee.Namespace                    { return goatee.Namespace{Database: "shop"} }
func (reader) Fetch(context.Context, []*goatee.Change, func(*goatee.Change, error)) ([]*goatee.Change, error) {
	return nil, nil
}

func position(t uint32) goatee.Position {
	return goatee.Position{ClusterTime: primitive.Timestamp{T: t, I: 1}}
}

func TestPartitionKeepsItsShareAndEveryPosition(t *testing.T) {
	mine := func(c *goatee.Change) bool { return c.ClusterTime.T%2 == 0 }
	batch := func(at uint32, times ...uint32) *goatee.Batch {
		b := &goatee.Batch{Position: position(at), Bytes: 100}
		for _, ct := range times {
			b.Changes = append(b.Changes, goatee.Change{ClusterTime: primitive.Timestamp{T: ct}})
		}
		return b
	}
	source := cluster.Partition(plain{[]*goatee.Batch{batch(4, 1, 2, 3, 4), batch(5, 5), batch(9)}}, mine)

	var positions, times []uint32
	err := source.Run(context.Background(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		positions = append(positions, b.Position.ClusterTime.T)
		for _, c := range b.Changes {
			times = append(times, c.ClusterTime.T)
		}
		require.Equal(t, 100, b.Bytes, "the memory is pinned as before")
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []uint32{2, 4}, times)
	require.Equal(t, []uint32{4, 5, 9}, positions)
}

func TestPartitionKeepsItsShareOfFailedChanges(t *testing.T) {
	failed := func(n uint32) goatee.FailedChange {
		return goatee.FailedChange{Change: goatee.Change{ClusterTime: primitive.Timestamp{T: n}}}
	}
	mine := func(c *goatee.Change) bool { return c.ClusterTime.T%2 == 0 }
	batch := &goatee.Batch{Failed: []goatee.FailedChange{failed(1), failed(2), failed(3), failed(4)}}
	source := cluster.Partition(plain{[]*goatee.Batch{batch}}, mine)
	err := source.Run(context.Background(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		require.Equal(t, []goatee.FailedChange{failed(2), failed(4)}, b.Failed, "one dead letter, not one by worker")
		return nil
	})
	require.NoError(t, err)
}

func TestPartitionCanDoWhatItsSourceCan(t *testing.T) {
	all := func(*goatee.Change) bool { return true }
	able := cluster.Partition(reader{}, all)
	require.Equal(t, goatee.SourceID{Name: "plain", Kind: goatee.KindDirectRead}, goatee.Identify(able))
	require.True(t, can[goatee.DirectReader](able))
	require.True(t, can[goatee.DocumentFetcher](able))
	require.True(t, can[goatee.Starter](able))

	unable := cluster.Partition(plain{}, all)
	require.Equal(t, goatee.SourceID{Name: "plain"}, goatee.Identify(unable))
	require.False(t, can[goatee.DirectReader](unable))
	require.False(t, can[goatee.DocumentFetcher](unable))
	require.False(t, can[goatee.Starter](unable))
}

func can[T any](v any) bool {
	_, ok := goatee.As[T](v)
	return ok
}
