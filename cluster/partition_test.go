package cluster_test

import (
	"context"
	"errors"
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

// able is a source that can fetch documents besides.
type able struct {
	plain
	goatee.DocumentFetcher
}

func (able) SourceID() goatee.SourceID {
	return goatee.SourceID{Name: "plain", Kind: goatee.KindChangeStream, Namespace: goatee.Namespace{Database: "shop"}}
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
	failed := func(at uint32) goatee.FailedChange {
		return goatee.FailedChange{Change: goatee.Change{ClusterTime: primitive.Timestamp{T: at}}, Err: errors.New("too large")}
	}
	mine := func(c *goatee.Change) bool { return c.ClusterTime.T%2 == 0 }
	b := &goatee.Batch{Failed: []goatee.FailedChange{failed(1), failed(2), failed(3)}, Position: position(3)}
	source := cluster.Partition(plain{[]*goatee.Batch{b}}, mine)
	err := source.Run(context.Background(), goatee.Position{}, func(_ context.Context, b *goatee.Batch) error {
		require.Equal(t, []goatee.FailedChange{failed(2)}, b.Failed)
		return nil
	})
	require.NoError(t, err)
}

func TestPartitionCanWhatItsSourceCan(t *testing.T) {
	all := func(*goatee.Change) bool { return true }
	p := cluster.Partition(plain{}, all)
	require.Equal(t, goatee.SourceID{Name: "plain"}, goatee.Identify(p))
	_, fetches := goatee.As[goatee.DocumentFetcher](p)
	require.False(t, fetches)

	p = cluster.Partition(able{}, all)
	require.Equal(t, able{}.SourceID(), goatee.Identify(p))
	_, fetches = goatee.As[goatee.DocumentFetcher](p)
	require.True(t, fetches)
}
