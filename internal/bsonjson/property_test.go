package bsonjson_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

func TestDocumentEqualsEncodingJSONOfTheDecodedOne(t *testing.T) {
	options := &bsonjson.Options{ShortDoubles: true}
	eachRandomDocument(t, 5000, func(t *testing.T, raw bson.Raw) {
		var m bson.M
		require.NoError(t, bson.Unmarshal(raw, &m))
		want, err := json.Marshal(reference(m))
		require.NoError(t, err)
		got, err := bsonjson.AppendDocument(nil, raw, options)
		require.NoError(t, err)
		requireSame(t, want, got)
	})
}

func TestDecodeMapEqualsTheDriver(t *testing.T) {
	eachRandomDocument(t, 5000, func(t *testing.T, raw bson.Raw) {
		var want bson.M
		require.NoError(t, bson.Unmarshal(raw, &want))
		got, err := bsonjson.DecodeMap(raw)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(want, got), "want %#v\ngot  %#v", want, got)
	})
}

func TestValueEqualsDocument(t *testing.T) {
	eachRandomDocument(t, 5000, func(t *testing.T, raw bson.Raw) {
		want, err := bsonjson.AppendDocument(nil, raw, nil)
		require.NoError(t, err)
		m, err := bsonjson.DecodeMap(raw)
		require.NoError(t, err)
		got, err := bsonjson.AppendValue(nil, m, nil)
		require.NoError(t, err)
		requireSame(t, want, got)
	})
}

func TestReaderEqualsTheDriver(t *testing.T) {
	eachRandomDocument(t, 2000, func(t *testing.T, raw bson.Raw) {
		elements, err := raw.Elements()
		require.NoError(t, err)
		r := bsonjson.NewReader(raw)
		for _, e := range elements {
			require.True(t, r.Next())
			require.Equal(t, e.Key(), string(r.Key()))
			require.Equal(t, e.Value().Type, r.Type())
			require.Equal(t, string(e.Value().Value), string(r.Value()))
		}
		require.False(t, r.Next())
		require.NoError(t, r.Err())

		want, wantErr := raw.LookupErr("_id")
		typ, value, ok := bsonjson.FindID(raw)
		require.Equal(t, wantErr == nil, ok)
		require.Equal(t, want.Type, typ)
		require.Equal(t, string(want.Value), string(value))
	})
}

func TestDoublesEqualEncodingJSON(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	g := randomSource{rand.New(rand.NewPCG(seed, 0))}
	doubles := []float64{0, math.Copysign(0, -1), 1e-6, 9.99999999e-7, 1e-7, 1e15, 1e15 - 1, 1e20, 1e21, 999999999999999.9, 0.1, 0.01, 0.001,
		0.000001, 0.0000015, 123456.789, 5e-324, math.MaxFloat64, 9007199254740993, 0.3, 2.675, 1.005, 99.99, -99.99, 4503599627370496.5}
	for range 300_000 {
		doubles = append(doubles, g.double())
	}
	short := &bsonjson.Options{ShortDoubles: true}
	for _, f := range doubles {
		want, err := json.Marshal(f)
		require.NoError(t, err)
		got, err := bsonjson.AppendValue(nil, f, short)
		require.NoError(t, err)
		if string(got) != string(want) {
			t.Fatalf("seed %d: got %s for %s", seed, got, want)
		}
		want32, err := json.Marshal(float32(f))
		if err != nil {
			continue
		}
		got, err = bsonjson.AppendValue(nil, float32(f), short)
		require.NoError(t, err)
		if string(got) != string(want32) {
			t.Fatalf("seed %d: got %s for %s (32 bit)", seed, got, want32)
		}
	}
}

func TestDecimalsEqualTheDriver(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	g := randomSource{rand.New(rand.NewPCG(seed, 0))}
	for range 300_000 {
		high := uint64(6176-g.IntN(50)+g.IntN(20))<<49 | g.Uint64()>>(15+g.IntN(50))
		if g.IntN(4) == 0 {
			high = g.Uint64()
		}
		d := primitive.NewDecimal128(high, g.Uint64()>>g.IntN(65))
		got, err := bsonjson.AppendValue(nil, d, nil)
		require.NoError(t, err)
		want := d.String()
		if d.IsNaN() || d.IsInf() != 0 {
			want = "null"
		}
		if string(got) != want {
			t.Fatalf("seed %d: got %s for %s", seed, got, want)
		}
	}
}

func TestDatesEqualTimeFormat(t *testing.T) {
	check := func(ms int64) {
		got, err := bsonjson.AppendValue(nil, primitive.DateTime(ms), nil)
		require.NoError(t, err)
		want := time.UnixMilli(ms).UTC().Format(`"2006-01-02T15:04:05.000Z"`)
		if string(got) != want {
			t.Fatalf("got %s for %s", got, want)
		}
	}
	for _, ms := range []int64{-62167219200000, -1, 0, 951782400000, 4107542400000 - 1, 253402300799999} {
		check(ms)
	}
	const day, first, end = 24 * 3600 * 1000, -62167219200000, 253402300800000
	for ms := int64(first); ms < end; ms += day {
		check(ms + rand.Int64N(day))
	}
}

func TestStringsEqualEncodingJSON(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	g := randomSource{rand.New(rand.NewPCG(seed, 0))}
	for range 50_000 {
		s := g.text()
		want, err := json.Marshal(s)
		require.NoError(t, err)
		if got := bsonjson.AppendString(nil, s); string(got) != string(want) {
			t.Fatalf("seed %d: got %s for %s", seed, got, want)
		}
		if got := bsonjson.AppendStringBytes(nil, []byte(s)); string(got) != string(want) {
			t.Fatalf("seed %d: got %s for %s", seed, got, want)
		}
	}
}

// requireSame shows where two long texts part.
func requireSame(t *testing.T, want, got []byte) {
	t.Helper()
	if bytes.Equal(want, got) {
		return
	}
	i := 0
	for i < min(len(want), len(got)) && want[i] == got[i] {
		i++
	}
	t.Fatalf("differ at %d:\nwant …%.120s\ngot  …%.120s", i, want[max(i-40, 0):], got[max(i-40, 0):])
}

// reference turns a value decoded by the driver into one that encoding/json
// writes as it is wanted.
func reference(v any) any {
	type timestamp struct{ T, I uint32 }
	type regex struct{ Pattern, Options string }
	type pointer struct{ DB, Pointer string }
	type pair struct {
		Key   string
		Value any
	}
	type code struct {
		Code  string
		Scope []pair
	}
	switch v := v.(type) {
	case bson.M:
		out := map[string]any{}
		for key, field := range v {
			out[key] = reference(field)
		}
		return out
	case bson.A:
		out := []any{}
		for _, element := range v {
			out = append(out, reference(element))
		}
		return out
	case primitive.ObjectID:
		return v.Hex()
	case primitive.DateTime:
		return v.Time().UTC().Format("2006-01-02T15:04:05.000Z")
	case primitive.Binary:
		return referenceBinary(v)
	case primitive.Decimal128:
		if v.IsNaN() || v.IsInf() != 0 {
			return nil
		}
		return json.RawMessage(v.String())
	case primitive.Timestamp:
		return timestamp(v)
	case primitive.Regex:
		return regex(v)
	case primitive.DBPointer:
		return pointer{v.DB, v.Pointer.Hex()}
	case primitive.MinKey, primitive.MaxKey, primitive.Undefined:
		return struct{}{}
	case primitive.CodeWithScope:
		pairs := []pair{}
		for _, field := range v.Scope.(bson.D) {
			pairs = append(pairs, pair{field.Key, reference(field.Value)})
		}
		return code{string(v.Code), pairs}
	}
	return v
}

func referenceBinary(v primitive.Binary) string {
	if v.Subtype != 3 && v.Subtype != 4 {
		return base64.StdEncoding.EncodeToString(v.Data)
	}
	s := hex.EncodeToString(v.Data)
	if len(s) == 32 {
		s = s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
	}
	return s
}
