package goatee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

// marking is a wrapper that has no batch form, around whatever has one.
type marking struct{ goatee.Transformer }

func (m marking) Transform(ctx context.Context, c *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
	actions, err := m.Transformer.Transform(ctx, c, actions)
	for i := range actions {
		actions[i].Routing = "marked"
	}
	return actions, err
}

// inBatches is a transformer in both forms that leaves actions as they are.
type inBatches struct{ goatee.TransformFunc }

func (inBatches) TransformBatch(context.Context, []goatee.Item) error { return nil }

func TestAWrapperWithoutABatchFormIsNotPassedOver(t *testing.T) {
	inner := inBatches{func(_ context.Context, _ *goatee.Change, actions []goatee.Action) ([]goatee.Action, error) {
		return actions, nil
	}}
	items, err := goatee.Prepare(t.Context(), marking{inner}, []*goatee.Change{{Op: goatee.OpDelete}})
	require.NoError(t, err)
	require.NoError(t, items[0].Err)
	require.Equal(t, "marked", items[0].Actions[0].Routing)
}
