package sink_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/internal/fakees"
	"github.com/goatee-sync/goatee/sink"
)

// answering is a sink with a fixed answer.
type answering struct{ err error }

func (a answering) Write(context.Context, []goatee.Action) error { return a.err }

func failure(ordinal int, class goatee.ActionClass, reason string) *goatee.ActionError {
	return &goatee.ActionError{Ordinal: ordinal, Class: class, Reason: reason}
}

func TestRewriteReportsTheGivenActions(t *testing.T) {
	given := []goatee.Action{index("a", 1, bson.M{}), index("b", 1, bson.M{}), index("c", 1, bson.M{}), index("d", 1, bson.M{})}
	r := sink.NewRewrite(given)
	r.Fail(failure(3, goatee.ClassRefused, "own"))
	r.Keep(2)
	r.Keep(1).Index = "other"
	r.Add(1, remove("b", 1))
	inner := failure(2, goatee.ClassBlocked, "added")
	err := r.Write(t.Context(), answering{&goatee.BatchError{Failed: []*goatee.ActionError{
		failure(1, goatee.ClassRefused, "kept"), inner, failure(0, goatee.ClassDoubtful, "first"),
	}}})
	failed, rest := goatee.SplitBatchError(err)
	require.NoError(t, rest)
	require.Equal(t, []*goatee.ActionError{
		failure(1, goatee.ClassBlocked, "added"), failure(2, goatee.ClassDoubtful, "first"), failure(3, goatee.ClassRefused, "own"),
	}, failed, "in order, one for each action; what is to be tried again counts more")
	require.Equal(t, 2, inner.Ordinal, "the inner sink's error is its own")
	require.Empty(t, given[1].Index, "so is the caller's action")
}

func TestAnUnknownErrorWins(t *testing.T) {
	lost := errors.New("connection lost")
	joined := errors.Join(&goatee.BatchError{Failed: []*goatee.ActionError{failure(0, goatee.ClassRefused, "no")}}, lost)
	for name, next := range map[string]goatee.Sink{
		"joined with failures":    answering{joined},
		"an ordinal out of range": answering{&goatee.BatchError{Failed: []*goatee.ActionError{failure(9, goatee.ClassRefused, "no")}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBulk(t, fakees.New())
			stateful, err := sink.NewStateful(b, next, newMemoryMeta())
			require.NoError(t, err)
			stateless, err := sink.NewStateless(b, next)
			require.NoError(t, err)
			clean, err := sink.NewStateless(b, next, sink.WithCleanMoves(), sink.WithIndexPattern("*"))
			require.NoError(t, err)
			for _, s := range []goatee.Sink{stateful, stateless, clean} {
				_, rest := goatee.SplitBatchError(s.Write(t.Context(), []goatee.Action{remove("x", 1)}))
				require.Error(t, rest, "nothing may be acknowledged")
			}
		})
	}
}

// Whatever a capability is, the decorators do not take it away.
func TestStrategiesShowWhatTheyWrap(t *testing.T) {
	for name, s := range strategies(t, newBulk(t, fakees.New())) {
		t.Run(name, func(t *testing.T) {
			_, ok := goatee.As[goatee.SinkReporter](s)
			require.True(t, ok)
			targeter, ok := goatee.As[goatee.Targeter](s)
			require.True(t, ok)
			a := placed(index("x", 1, bson.M{}), "i", "r", "")
			target, err := targeter.Target(&a)
			require.NoError(t, err)
			require.Equal(t, goatee.Target{Index: "i", ID: "x", Routing: "r"}, target)
		})
	}
}
