package bsonjson_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

type tagged struct {
	Name  string             `bson:"n"`
	Empty string             `bson:"empty,omitempty"`
	ID    primitive.ObjectID `bson:"_id"`
	At    time.Time          `bson:"at"`
	Price float64
}

type custom struct{}

func (custom) MarshalJSON() ([]byte, error) { return []byte("{ \"x\":\n\"<\" }"), nil }

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("no") }

func TestGoValues(t *testing.T) {
	at := time.Date(2020, 1, 2, 4, 4, 5, 678999999, time.FixedZone("CET", 3600))
	var nilPointer *tagged
	for _, test := range []struct {
		v    any
		want string
	}{
		{nil, `null`},
		{"a<b", `"a\u003cb"`},
		{int8(-1), `-1`}, {int16(-2), `-2`}, {int32(-3), `-3`}, {int64(math.MinInt64), `-9223372036854775808`}, {5, `5`},
		{uint8(1), `1`}, {uint16(2), `2`}, {uint32(3), `3`}, {uint64(math.MaxUint64), `18446744073709551615`}, {uint(7), `7`},
		{1.0, `1.0`}, {float32(0.1), `0.1`}, {float32(3), `3.0`}, {math.Copysign(0, -1), `-0.0`}, {1e300, `1e+300`},
		{true, `true`},
		{at, `"2020-01-02T03:04:05.678Z"`},
		{[]byte{0, 1, 255}, `"AAH/"`}, {[]byte(nil), `null`}, {[]byte{}, `""`},
		{json.Number("1.50"), `1.50`}, {json.RawMessage("{ \"a\": 1 }"), `{"a":1}`}, {custom{}, `{"x":"\u003c"}`},
		{map[string]any{"b": 1, "a": []any{nil}}, `{"a":[null],"b":1}`},
		{bson.D{{Key: "b", Value: 1}, {Key: "a", Value: bson.A{2.0}}}, `{"b":1,"a":[2.0]}`},
		{bson.M(nil), `null`}, {bson.D(nil), `null`}, {bson.A(nil), `null`}, {[]any(nil), `null`}, {map[string]any(nil), `null`},
		{[]string{"a", "b"}, `["a","b"]`}, {map[string]int{"a": 1}, `{"a":1}`}, {[]bson.M{{"a": 1.0}}, `[{"a":1.0}]`},
		{tagged{Name: "x", ID: oid, At: at, Price: 3}, `{"n":"x","_id":"5f5f5f5f5f5f5f5f5f5f5f5f","at":"2020-01-02T03:04:05.678Z","price":3.0}`},
		{&tagged{Name: "x", ID: oid, At: at}, `{"n":"x","_id":"5f5f5f5f5f5f5f5f5f5f5f5f","at":"2020-01-02T03:04:05.678Z","price":0.0}`},
		{nilPointer, `null`},
		{marshal(t, bson.D{{Key: "a", Value: 1.0}}), `{"a":1.0}`},
		{bson.RawValue{Type: bsontype.Boolean, Value: []byte{1}}, `true`},
		{primitive.Null{}, `null`},
		{primitive.CodeWithScope{Code: "f", Scope: bson.M{"a": 1}}, `{"Code":"f","Scope":{"a":1}}`},
		{url.URL{Scheme: "http", Host: "x"}, `"http://x"`},
	} {
		got, err := bsonjson.AppendValue(nil, test.v, nil)
		require.NoError(t, err, "%T", test.v)
		require.Equal(t, test.want, string(got), "%T", test.v)
	}
}

func TestOmitIDConcernsTheTopOfAnyGoValue(t *testing.T) {
	omit := &bsonjson.Options{OmitID: true}
	inner := bson.M{"_id": 1}
	for _, v := range []any{
		bson.M{"_id": 1, "in": inner},
		map[string]any{"_id": 1, "in": inner},
		bson.D{{Key: "_id", Value: 1}, {Key: "in", Value: inner}},
		marshal(t, bson.D{{Key: "_id", Value: 1}, {Key: "in", Value: inner}}),
		struct {
			ID int `bson:"_id"`
			In any
		}{1, inner},
	} {
		got, err := bsonjson.AppendValue(nil, v, omit)
		require.NoError(t, err)
		require.Equal(t, `{"in":{"_id":1}}`, string(got), "%T", v)
	}
}

func TestGoValuesWithoutJSONFormAreRefusedWithTheirPath(t *testing.T) {
	for _, v := range []any{
		math.NaN(), float32(math.Inf(1)), make(chan int), func() {}, failing{}, json.Number("x"), json.RawMessage("{"),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), struct{ F float64 }{math.NaN()},
	} {
		out, err := bsonjson.AppendValue([]byte("> "), bson.M{"a": bson.A{v}}, nil)
		var invalid *bsonjson.ValueError
		require.ErrorAs(t, err, &invalid, "%T", v)
		require.Contains(t, invalid.Path, "a.0")
		require.Equal(t, "> ", string(out))
	}
	_, err := bsonjson.AppendValue(nil, bson.M{"a": bson.Raw("rubbish")}, nil)
	var malformed *bsonjson.SyntaxError
	require.ErrorAs(t, err, &malformed)
	require.Equal(t, "a", malformed.Path)
}

func TestPruneOfGoValues(t *testing.T) {
	out, err := bsonjson.AppendValue(nil, bson.M{
		"a": math.NaN(), "b": bson.A{float32(math.Inf(1)), 1}, "c": time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
		"d": struct{ F, G float64 }{math.NaN(), 1},
	}, &bsonjson.Options{Prune: true})
	require.NoError(t, err)
	require.Equal(t, `{"b":[1],"d":{"g":1.0}}`, string(out))
}
