package goateetest_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
)

const stream = "orders"

func TestWholePipelineInMemory(t *testing.T) {
	sink := goateetest.NewSink()
	source := goateetest.NewSource(stream,
		goateetest.At(goateetest.Insert("shop.orders", `{"_id": 1, "total": 3}`), 100, 1),
		goateetest.At(goateetest.Insert("shop.orders", `{"_id": 2, "total": 4}`), 101, 1),
		goateetest.At(goateetest.Update("shop.orders", `{"_id": 1, "total": 5}`, `{"total": 5}`), 102, 1),
		goateetest.At(goateetest.Delete("shop.orders", 2), 103, 1),
		goateetest.At(goateetest.Insert("shop.carts", `{"_id": "a"}`), 104, 1),
		goateetest.At(goateetest.Drop("shop.carts"), 105, 1),
		goateetest.At(goateetest.Insert("shop.orders", `{"_id": 3}`), 106, 1),
	)
	s, err := goatee.New(goatee.WithSource(source), goatee.WithSink(sink))
	require.NoError(t, err)
	require.NoError(t, s.Run(t.Context()))
	require.Equal(t, map[string]string{"1": `{"total":5}`, "3": `{}`}, sink.Documents("shop.orders"))
	require.NotContains(t, sink.Indices(), "shop.carts")
}

func TestRefusedActionsAreDeadLetters(t *testing.T) {
	sink := goateetest.NewSink()
	sink.Refuse(func(a *goatee.Action) error {
		if a.Change.ID.Int32() == 1 {
			return errors.New("not this one")
		}
		return nil
	})
	source := goateetest.NewSource(stream,
		goateetest.Insert("shop.orders", `{"_id": 1}`), goateetest.Insert("shop.orders", `{"_id": 2}`))
	var letters []goatee.DeadLetter
	s, err := goatee.New(goatee.WithSource(source), goatee.WithSink(sink), goatee.WithLanes(1),
		goatee.WithObserver(goatee.Observer{DeadLetter: func(d goatee.DeadLetter) { letters = append(letters, d) }}))
	require.NoError(t, err)
	require.ErrorIs(t, s.Run(t.Context()), goatee.ErrRefused)
	require.Len(t, letters, 1)
	require.ErrorContains(t, letters[0].Err, "not this one")
	require.Equal(t, map[string]string{"2": `{}`}, sink.Documents("shop.orders"))
}

func TestSourceGoesOnWhereItLeftOff(t *testing.T) {
	source := goateetest.NewSource(stream,
		goateetest.Insert("shop.orders", `{"_id": 1}`), goateetest.Drop("shop.carts"), goateetest.Insert("shop.orders", `{"_id": 2}`))
	var batches []*goatee.Batch
	collect := collector(&batches)
	require.NoError(t, source.Run(t.Context(), goatee.Position{}, collect))
	require.Len(t, batches, 3)
	again := batches[0].Position
	batches = nil
	require.NoError(t, source.Run(t.Context(), again, collect))
	require.Len(t, batches, 2)
	require.Equal(t, goatee.OpDrop, batches[0].Changes[0].Op)
}
