package valueset_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonedit"
	"github.com/goatee-sync/goatee/internal/valueset"
)

func value(t testing.TB, v any) bson.RawValue {
	t.Helper()
	raw, err := bsonedit.EncodeValue(v)
	require.NoError(t, err)
	return raw
}

func decimal(t *testing.T, s string) primitive.Decimal128 {
	t.Helper()
	d, err := primitive.ParseDecimal128(s)
	require.NoError(t, err)
	return d
}

func TestNumbersThatMongoDBTakesForEqualAreOneValue(t *testing.T) {
	var s valueset.Set
	for _, v := range []any{
		int32(5), int64(5), 5.0, decimal(t, "5"), decimal(t, "5.00"), decimal(t, "0.5E1"), nil, primitive.Undefined{},
	} {
		s.Add(value(t, v))
	}
	require.Len(t, s.Values(), 1)
	for _, v := range []any{5.5, decimal(t, "5.5"), "5", math.Inf(1), math.NaN(), decimal(t, "NaN"), decimal(t, "1E30"), decimal(t, "1E-30")} {
		require.False(t, s.Has(valueset.Key(value(t, v))), v)
		s.Add(value(t, v))
	}
	require.Equal(t, 9, s.Len())
	require.Equal(t, valueset.Key(value(t, math.Copysign(0, -1))), valueset.Key(value(t, decimal(t, "0E-6000"))))
}

func TestAddEachTakesArraysApart(t *testing.T) {
	var s valueset.Set
	require.NoError(t, s.AddEach(value(t, bson.A{1, nil, bson.A{2}, 1.0})))
	require.NoError(t, s.AddEach(value(t, 3)))
	require.Equal(t, []bson.RawValue{value(t, 1), value(t, bson.A{2}), value(t, 3)}, s.Values())
}

func TestChunksFitQueries(t *testing.T) {
	sizes := func(values ...any) (n []int) {
		var s valueset.Set
		for _, v := range values {
			s.Add(value(t, v))
		}
		for chunk := range s.Chunks {
			n = append(n, len(chunk))
		}
		return n
	}
	many := func(n int, f func(int) any) (vs []any) {
		for i := range n {
			vs = append(vs, f(i))
		}
		return vs
	}
	require.Equal(t, []int{5000, 1}, sizes(many(5001, func(i int) any { return i })...))
	require.Equal(t, []int{100, 50}, sizes(many(150, func(i int) any { return bson.M{"$a": i} })...), "branches of an $or")
	big := strings.Repeat("x", 3<<20)
	require.Equal(t, []int{1, 1}, sizes(big, big+"y"), "bytes")
	require.Equal(t, []int{1, 1, 1}, sizes(1, strings.Repeat("x", 12<<20), 2), "a huge value is alone")
	require.Empty(t, sizes())
}

func TestFilterComparesWhatLooksLikeAnOperator(t *testing.T) {
	operator := value(t, bson.D{{Key: "$gt", Value: ""}})
	pattern := value(t, primitive.Regex{Pattern: "."})
	text := value(t, "a")
	in := bson.D{{Key: "f", Value: bson.D{{Key: "$in", Value: []bson.RawValue{text}}}}}
	eq := func(v bson.RawValue) bson.D { return bson.D{{Key: "f", Value: bson.D{{Key: "$eq", Value: v}}}} }
	require.Equal(t, in, valueset.Filter("f", []bson.RawValue{text}))
	require.Equal(t, bson.D{{Key: "$or", Value: bson.A{eq(operator), eq(pattern), in}}},
		valueset.Filter("f", []bson.RawValue{operator, text, pattern}))
	require.Equal(t, bson.D{{Key: "$or", Value: bson.A{eq(operator)}}}, valueset.Filter("f", []bson.RawValue{operator}))
}

type refusal bool

func (r refusal) Error() string      { return "refused" }
func (r refusal) QueryRefused() bool { return bool(r) }

func TestIsolateFindsTheValuesThatAreRefused(t *testing.T) {
	var all []bson.RawValue
	for i := range 1000 {
		all = append(all, value(t, i))
	}
	bad := []int32{0, 500, 501, 999}
	var failed []int32
	answered, queries := map[int32]bool{}, 0
	err := valueset.Isolate(all, func(values []bson.RawValue) error {
		queries++
		for _, v := range values {
			if slices.Contains(bad, v.Int32()) {
				return fmt.Errorf("find: %w", refusal(true))
			}
		}
		for _, v := range values {
			answered[v.Int32()] = true
		}
		return nil
	}, func(v bson.RawValue, err error) {
		require.ErrorIs(t, err, refusal(true))
		failed = append(failed, v.Int32())
	})
	require.NoError(t, err)
	require.Equal(t, bad, failed)
	require.Len(t, answered, 996)
	require.Less(t, queries, 100)

	queries = 0
	for _, other := range []error{errors.New("down"), refusal(false)} {
		err = valueset.Isolate(all, func([]bson.RawValue) error { queries++; return other }, nil)
		require.ErrorIs(t, err, other)
	}
	require.Equal(t, 2, queries, "an error that is no refusal is returned at once")
}

func TestTextIsShort(t *testing.T) {
	require.Equal(t, `5`, valueset.Text(value(t, 5)))
	require.Equal(t, `{"$foo":1}`, valueset.Text(value(t, bson.M{"$foo": 1})))
	long := valueset.Text(value(t, strings.Repeat("é", 10_000)))
	require.Equal(t, `"`+strings.Repeat("é", 99)+"…", long)
}
