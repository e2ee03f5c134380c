package bsonjson_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

func TestMalformedFramesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                   "",
		"shorter than a document": "04000000",
		"length too large":        "0600000000",
		"length too small":        "050000000000",
		"negative length":         "ffffffff00",
		"without terminator":      "0500000001",
	} {
		t.Run(name, func(t *testing.T) { checkMalformed(t, text, "", 0) })
	}
}

func TestMalformedElementsAreRefusedWithPathAndOffset(t *testing.T) {
	for name, test := range map[string]struct {
		elements string
		path     string
		offset   int
	}{
		"name without terminator":      {"0a61", "", 4},
		"later name without end":       {"0a61000a6262", "", 7},
		"unknown type":                 {"206100", "a", 7},
		"double cut short":             {"01610000000000000000", "a", 7},
		"int32 cut short":              {"106100000000", "a", 7},
		"ObjectID cut short":           {"0761000102030405060708090a0b", "a", 7},
		"decimal cut short":            {"136100000102030405060708090a0b0c0d0e", "a", 7},
		"string without length":        {"026100000000", "a", 7},
		"string of length zero":        {"0261000000000000", "a", 7},
		"string of negative length":    {"026100ffffffff0000", "a", 7},
		"string too long":              {"026100030000006200", "a", 7},
		"string without terminator":    {"026100020000006262", "a", 7},
		"boolean of 2":                 {"08610002", "a", 7},
		"document without terminator":  {"0361000500000001", "a", 7},
		"document too long":            {"0361000700000000", "a", 7},
		"document of negative length":  {"036100ffffffff00", "a", 7},
		"array too long":               {"0461000700000000", "a", 7},
		"binary too long":              {"0561000200000000aa", "a", 7},
		"binary of negative length":    {"056100ffffffff00aa", "a", 7},
		"regex without end":            {"0b6100620063", "a", 7},
		"DBPointer without ObjectID":   {"0c610002000000620001020304", "a", 7},
		"scope of the wrong length":    {"0f610011000000020000006200050000000000", "a", 7},
		"scope with rubbish behind it": {"0f61001100000002000000620005000000000000", "a", 7},
		"inside a document":            {"036100090000000862000300", "a.b", 14},
		"inside an array":              {"046100100000001030000100000008310003" + "00", "a.1", 21},
	} {
		t.Run(name, func(t *testing.T) {
			size := len(test.elements)/2 + 5
			frame := hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, uint32(size)))
			checkMalformed(t, frame+test.elements+"00", test.path, test.offset)
		})
	}
}

func checkMalformed(t *testing.T, text, path string, offset int) {
	t.Helper()
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	var malformed *bsonjson.SyntaxError

	out, err := bsonjson.AppendDocument([]byte("before"), raw, nil)
	require.Equal(t, "before", string(out))
	require.ErrorAs(t, err, &malformed)
	require.Equal(t, path, malformed.Path)
	require.Equal(t, offset, malformed.Offset)

	_, err = bsonjson.DecodeMap(raw)
	require.ErrorAs(t, err, &malformed)
	require.Equal(t, path, malformed.Path)
	require.Equal(t, offset, malformed.Offset)
}

// Every way to cut a document off, and every byte of it changed, is either
// refused or gives valid JSON.
func TestDamagedDocumentsNeverGiveInvalidJSON(t *testing.T) {
	raw := marshal(t, types)
	for n := range raw {
		cut := append(bson.Raw(nil), raw[:n]...)
		_, err := bsonjson.AppendDocument(nil, cut, nil)
		require.Error(t, err)
		if n >= 5 { // with a length that claims to be right
			binary.LittleEndian.PutUint32(cut, uint32(n))
			cut[n-1] = 0
			checkTotal(t, cut)
		}
	}
	for i := range raw {
		for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff, raw[i] + 1, raw[i] - 1, raw[i] ^ 0x10} {
			damaged := append(bson.Raw(nil), raw...)
			damaged[i] = b
			checkTotal(t, damaged)
		}
	}
}

func TestRandomDamageNeverGivesInvalidJSON(t *testing.T) {
	eachRandomDocument(t, 10_000, func(t *testing.T, raw bson.Raw) {
		for range 1 + rand.IntN(3) {
			raw[4+rand.IntN(len(raw)-4)] = byte(rand.IntN(256) >> rand.IntN(8))
		}
		checkTotal(t, raw)
	})
}

func TestNestingIsBounded(t *testing.T) {
	for name, wrap := range map[string]func(v any) any{
		"documents": func(v any) any { return bson.D{{Key: "a", Value: v}} },
		"arrays":    func(v any) any { return bson.A{v} },
		"scopes":    func(v any) any { return primitive.CodeWithScope{Scope: bson.D{{Key: "a", Value: v}}} },
	} {
		t.Run(name, func(t *testing.T) {
			nest := func(n int) bson.Raw {
				var v any
				for range n {
					v = wrap(v)
				}
				return marshal(t, bson.D{{Key: "a", Value: v}})
			}
			for _, limit := range []int{0, 1, 2, 30} {
				options := &bsonjson.Options{MaxDepth: limit}
				allowed := limit - 1
				if limit == 0 {
					allowed = 199
				}
				out, err := bsonjson.AppendDocument(nil, nest(allowed), options)
				require.NoError(t, err)
				require.True(t, json.Valid(out))
				var tooDeep *bsonjson.SyntaxError
				_, err = bsonjson.AppendDocument(nil, nest(allowed+1), options)
				require.ErrorAs(t, err, &tooDeep)
			}
			_, err := bsonjson.DecodeMap(nest(199))
			require.NoError(t, err)
			_, err = bsonjson.DecodeMap(nest(200))
			require.Error(t, err)
		})
	}
}

func TestNestingOfGoValuesIsBounded(t *testing.T) {
	cycle := bson.M{}
	cycle["again"] = bson.A{cycle}
	_, err := bsonjson.AppendValue(nil, cycle, nil)
	require.Error(t, err)
}

func TestNestingOfHostileDepthIsRefusedInConstantStack(t *testing.T) {
	const depth = 200_000
	raw := []byte{5, 0, 0, 0, 0}
	for size := 5 + 8*depth; len(raw) < size; {
		raw = append(raw, 0)
	}
	for i := range depth {
		copy(raw[i*7:], binary.LittleEndian.AppendUint32(nil, uint32(len(raw)-i*8)))
		copy(raw[i*7+4:], "\x03a\x00")
	}
	binary.LittleEndian.PutUint32(raw[depth*7:], 5)
	_, err := bsonjson.AppendDocument(nil, raw, nil)
	require.ErrorContains(t, err, "nested too deeply")
	_, err = bsonjson.DecodeMap(raw)
	require.ErrorContains(t, err, "nested too deeply")
}

func TestErrorsNamePathAndReason(t *testing.T) {
	_, err := bsonjson.AppendDocument(nil, marshal(t, bson.D{{Key: "a", Value: primitive.DateTime(1 << 60)}}), nil)
	require.EqualError(t, err, `no JSON form at "a": date outside the years 0 to 9999`)
	_, err = bsonjson.AppendDocument(nil, bson.Raw{9, 0, 0, 0, 8, 'a', 0, 2, 0}, nil)
	require.EqualError(t, err, `malformed BSON at "a" (byte 7): boolean that is neither 0 nor 1`)
}

// checkTotal checks that whatever raw holds, each function either refuses it or
// gives something well-formed, and that they agree.
func checkTotal(t *testing.T, raw bson.Raw) {
	t.Helper()
	for _, options := range []*bsonjson.Options{
		nil,
		{OmitID: true, Prune: true, Keys: bsonjson.KeysRefuse, DecimalStrings: true},
		{ShortDoubles: true, EpochMillis: true, Base64UUIDs: true, Keys: bsonjson.KeysReplace},
	} {
		out, err := bsonjson.AppendDocument([]byte("x"), raw, options)
		if err != nil {
			require.Equal(t, "x", string(out))
			continue
		}
		require.True(t, json.Valid(out[1:]), "%q", out)
		require.False(t, strings.ContainsRune(string(out), '\n'))
	}
	out, err := bsonjson.AppendDocument(nil, raw, nil)
	m, decodeErr := bsonjson.DecodeMap(raw)
	if err == nil {
		require.NoError(t, decodeErr)
	}
	if decodeErr == nil {
		value, valueErr := bsonjson.AppendValue(nil, m, nil)
		if err == nil {
			require.NoError(t, valueErr)
			require.LessOrEqual(t, len(value), len(out)) // equal but for repeated names
		}
	}
	if typ, value, ok := bsonjson.FindID(raw); ok {
		for _, form := range []bsonjson.IDForm{bsonjson.IDGoMap, bsonjson.IDExtendedJSON} {
			_, _ = bsonjson.AppendID(nil, typ, value, form)
		}
	}
}
