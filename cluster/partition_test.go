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

var errCheck = errors.New("checked")

type able struct{ plain }

func (able) Start(context.Context) (goatee.Position, error) { return position(7), nil }
func (able) Check(context.Context) error                    { return errCheck }
func (able) Estimate() int64                                { return 42 }

type direct struct{ able }

func (direct) Stateful() bool { return true }

type fetching struct{ able }

func (fetching) Fetch(_ context.Context, changes []*goatee.Change) ([]*goatee.Change, error) {
	return changes[1:], nil
}

type both struct {
	direct
	f fetching
}

func (b both) Fetch(ctx context.Context, changes []*goatee.Change) ([]*goatee.Change, error) {
	return b.f.Fetch(ctx, changes)
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

func TestPartitionCanWhatItsSourceCan(t *testing.T) {
	all := func(*goatee.Change) bool { return true }
	for name, test := range map[string]struct {
		source          goatee.Source
		direct, fetches bool
	}{
		"plain":    {plain{}, false, false},
		"able":     {able{}, false, false},
		"direct":   {direct{}, true, false},
		"fetching": {fetching{}, false, true},
		"both":     {both{}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := cluster.Partition(test.source, all)
			require.Equal(t, "plain", p.Name())
			_, isDirect := p.(goatee.DirectReader)
			require.Equal(t, test.direct, isDirect)
			f, fetches := p.(goatee.DocumentFetcher)
			require.Equal(t, test.fetches, fetches)
			if fetches {
				rest, err := f.Fetch(context.Background(), make([]*goatee.Change, 3))
				require.NoError(t, err)
				require.Len(t, rest, 2)
			}

			want, wantErr, estimate := position(7), errCheck, int64(42)
			if name == "plain" {
				want, wantErr, estimate = goatee.Position{}, nil, 0
			}
			start, err := p.(goatee.Starter).Start(context.Background())
			require.NoError(t, err)
			require.Equal(t, want, start)
			require.Equal(t, wantErr, p.(goatee.Checker).Check(context.Background()))
			require.Equal(t, estimate, p.(goatee.Estimator).Estimate())
		})
	}
}
