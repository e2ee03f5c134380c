package transform_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/goateetest"
	"github.com/goatee-sync/goatee/transform"
	"github.com/goatee-sync/goatee/transform/plugin"
)

func TestTimeoutAbandonsACallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hang := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
			if c.ID.Int32() == 1 {
				<-release
				m, err := c.Document.Map() // as late as that, it harms nobody
				m["late"] = true
				a[0].Routing = "late"
				return a, err
			}
			return a, nil
		})
		items := run(t, transform.Chain(transform.Timeout(time.Second, hang), transform.Set("x", 1)),
			goateetest.Insert("shop.orders", `{"_id": 1}`), goateetest.Insert("shop.orders", `{"_id": 2}`))
		require.ErrorIs(t, items[0].Err, context.DeadlineExceeded)
		require.ErrorContains(t, items[0].Err, "1s")
		require.NoError(t, items[1].Err)
		var temporary interface{ Temporary() bool }
		require.ErrorAs(t, items[0].Err, &temporary)
		require.False(t, temporary.Temporary(), "it is not tried again: it may hang every time")
		close(release)
		synctest.Wait()
		require.Equal(t, `{}`, lineOf(t, items[0].Change))
	})
}

func TestTimeoutIsTheSameForACallThatWatchesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watching := goatee.TransformFunc(func(ctx context.Context, _ *goatee.Change, _ []goatee.Action) ([]goatee.Action, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		for range 50 {
			_, err := transform.Timeout(time.Second, watching).Transform(t.Context(), doing("a"), nil)
			require.EqualError(t, err, "transformer did not return within 1s: context deadline exceeded")
		}
		stopped := errors.New("stopped")
		ctx, stop := context.WithCancelCause(t.Context())
		stop(stopped)
		_, err := transform.Timeout(time.Second, goatee.TransformFunc(failOn)).Transform(ctx, doing("a"), nil)
		if err != nil { // the call may have been faster
			require.ErrorIs(t, err, stopped)
		}
	})
}

// The memory of a batch is used again when the batch is done: a call that was left behind must not read it.
func TestTimeoutLeavesNoCallWithTheMemoryOfTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, late := make(chan struct{}), ""
		hang := goatee.TransformFunc(func(_ context.Context, c *goatee.Change, a []goatee.Action) ([]goatee.Action, error) {
			<-release
			late = a[0].Body().Lookup("do").StringValue() + c.Document.Lookup("do").StringValue()
			return a, nil
		})
		c := doing("a")
		raw, err := c.Document.Raw()
		require.NoError(t, err)
		own := goatee.Action{Change: c}
		own.Body() // the action has the document itself, in the bytes of the batch
		_, err = transform.Timeout(time.Second, hang).Transform(t.Context(), c, []goatee.Action{own})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		clear(raw)
		close(release)
		synctest.Wait()
		require.Equal(t, "aa", late)
	})
}

func TestTimeoutChangesNothingForCallsInTime(t *testing.T) {
	inner := transform.Chain(transform.Set("a", 1), transform.RoutingField("r"),
		plugin.Process(func(_ context.Context, in *plugin.ProcessInput) error {
			in.Add(goatee.Action{ID: "more"})
			return nil
		}))
	c := goateetest.Insert("shop.orders", `{"_id": 1, "r": "x"}`)
	tr := transform.Timeout(time.Minute, inner)
	require.Equal(t, goateetest.Actions(t, inner, c), goateetest.Actions(t, tr, c))
	require.Equal(t, goateetest.Actions(t, transform.Chain(decode, inner), c), goateetest.Actions(t, transform.Chain(decode, tr), c))
	items := run(t, tr, c)
	for _, a := range items[0].Actions {
		require.Same(t, items[0].Change, a.Change)
	}
	edited := transform.Timeout(time.Minute, transform.Edit(func(_ context.Context, _ *goatee.Change, a *goatee.Action) error {
		m, err := a.Body().Map()
		m["in place"] = true
		return err
	}))
	require.Equal(t, `{"in place":true}`, written(t, edited, `{"_id": 1}`))
	require.ErrorIs(t, run(t, transform.Timeout(time.Minute, goatee.TransformFunc(failOn)), doing("panic"))[0].Err, goatee.ErrPanic)
}
