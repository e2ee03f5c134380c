package bsonjson_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

var (
	oid      = must(primitive.ObjectIDFromHex("5f5f5f5f5f5f5f5f5f5f5f5f"))
	uuidOld  = []byte{0x78, 0x56, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0x78, 0x56, 0x34, 0x12, 0xf0, 0xde, 0xbc, 0x9a}
	uuid     = []byte{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78}
	sixteen  = []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	someDate = primitive.NewDateTimeFromTime(time.Date(2020, 1, 2, 3, 4, 5, 678e6, time.UTC))
)

// types is a document of every BSON type, sorted by key.
var types = bson.D{
	{Key: "_under", Value: int32(1)},
	{Key: "arr", Value: bson.A{int32(1), "a", bson.A{oid}, bson.D{{Key: "k", Value: someDate}}}},
	{Key: "bin0", Value: primitive.Binary{Data: []byte{0, 1, 255}}},
	{Key: "bin3", Value: primitive.Binary{Subtype: 3, Data: uuidOld}},
	{Key: "bin4", Value: primitive.Binary{Subtype: 4, Data: uuid}},
	{Key: "bin4short", Value: primitive.Binary{Subtype: 4, Data: []byte{1, 2}}},
	{Key: "bin5", Value: primitive.Binary{Subtype: 5, Data: sixteen}},
	{Key: "bin80", Value: primitive.Binary{Subtype: 0x80, Data: []byte("zz")}},
	{Key: "code", Value: primitive.JavaScript("function(){}")},
	{Key: "cws", Value: primitive.CodeWithScope{
		Code:  "f()",
		Scope: bson.D{{Key: "x", Value: int32(1)}, {Key: "y", Value: oid}},
	}},
	{Key: "date", Value: someDate},
	{Key: "datezero", Value: primitive.DateTime(0)},
	{Key: "dbl", Value: 1.0},
	{Key: "dbl100", Value: 1e6},
	{Key: "dbl2", Value: 1.5},
	{Key: "dblbig", Value: 1e21},
	{Key: "dblsmall", Value: 1e-7},
	{Key: "dbref", Value: bson.D{{Key: "$db", Value: "dbx"}, {Key: "$id", Value: oid}, {Key: "$ref", Value: "coll"}}},
	{Key: "dec", Value: decimal("1.50")},
	{Key: "decE", Value: decimal("1E+3")},
	{Key: "decInf", Value: decimal("Infinity")},
	{Key: "decNaN", Value: decimal("NaN")},
	{Key: "decsmall", Value: decimal("0E-10")},
	{Key: "emptyarr", Value: bson.A{}},
	{Key: "emptydoc", Value: bson.D{}},
	{Key: "i32", Value: int32(7)},
	{Key: "i64", Value: int64(9007199254740993)},
	{Key: "max", Value: primitive.MaxKey{}},
	{Key: "min", Value: primitive.MinKey{}},
	{Key: "null", Value: nil},
	{Key: "oid", Value: oid},
	{Key: "ptr", Value: primitive.DBPointer{DB: "db.coll", Pointer: oid}},
	{Key: "re", Value: primitive.Regex{Pattern: "^a.*", Options: "i"}},
	{Key: "str", Value: "a<b>&\u2028é"},
	{Key: "sym", Value: primitive.Symbol("s")},
	{Key: "t", Value: true},
	{Key: "ts", Value: primitive.Timestamp{T: 1600000000, I: 5}},
	{Key: "undef", Value: primitive.Undefined{}},
	{Key: "with.dot", Value: int32(1)},
}

const typesJSON = `{"_under":1,"arr":[1,"a",["5f5f5f5f5f5f5f5f5f5f5f5f"],{"k":"2020-01-02T03:04:05.678Z"}],"bin0":"AAH/",` +
	`"bin3":"78563412-7856-3412-7856-3412f0debc9a","bin4":"12345678-1234-5678-9abc-def012345678","bin4short":"0102",` +
	`"bin5":"AQEBAQEBAQEBAQEBAQEBAQ==","bin80":"eno=","code":"function(){}",` +
	`"cws":{"Code":"f()","Scope":[{"Key":"x","Value":1},{"Key":"y","Value":"5f5f5f5f5f5f5f5f5f5f5f5f"}]},` +
	`"date":"2020-01-02T03:04:05.678Z","datezero":"1970-01-01T00:00:00.000Z","dbl":1.0,"dbl100":1000000.0,"dbl2":1.5,"dblbig":1e+21,` +
	`"dblsmall":1e-7,"dbref":{"$db":"dbx","$id":"5f5f5f5f5f5f5f5f5f5f5f5f","$ref":"coll"},"dec":1.50,"decE":1E+3,"decInf":null,` +
	`"decNaN":null,"decsmall":0E-10,"emptyarr":[],"emptydoc":{},"i32":7,"i64":9007199254740993,"max":{},"min":{},"null":null,` +
	`"oid":"5f5f5f5f5f5f5f5f5f5f5f5f","ptr":{"DB":"db.coll","Pointer":"5f5f5f5f5f5f5f5f5f5f5f5f"},` +
	`"re":{"Pattern":"^a.*","Options":"i"},"str":"a\u003cb\u003e\u0026\u2028é","sym":"s","t":true,` +
	`"ts":{"T":1600000000,"I":5},"undef":{},"with.dot":1}`

func TestEveryTypeHasItsGoldenForm(t *testing.T) {
	out, err := bsonjson.AppendDocument([]byte("> "), marshal(t, types), nil)
	require.NoError(t, err)
	require.Equal(t, "> "+typesJSON, string(out))
}

func TestShortDoublesAreAsEncodingJSONHasThem(t *testing.T) {
	out, err := bsonjson.AppendDocument(nil, marshal(t, types), &bsonjson.Options{ShortDoubles: true})
	require.NoError(t, err)
	want := strings.NewReplacer(`"dbl":1.0`, `"dbl":1`, `1000000.0`, `1000000`).Replace(typesJSON)
	require.Equal(t, want, string(out))
}

func TestDecodedValuesHaveTheSameForm(t *testing.T) {
	m, err := bsonjson.DecodeMap(marshal(t, types))
	require.NoError(t, err)
	out, err := bsonjson.AppendValue([]byte("> "), m, nil)
	require.NoError(t, err)
	require.Equal(t, "> "+typesJSON, string(out))
}

func TestOptions(t *testing.T) {
	tooLate := primitive.DateTime(253402300800000)
	for name, test := range map[string]struct {
		options bsonjson.Options
		doc     bson.D
		want    string
	}{
		"omit id":                    {bsonjson.Options{OmitID: true}, bson.D{{Key: "_id", Value: 1}, {Key: "a", Value: bson.D{{Key: "_id", Value: true}}}}, `{"a":{"_id":true}}`},
		"omit id that comes last":    {bsonjson.Options{OmitID: true}, bson.D{{Key: "a", Value: "x"}, {Key: "_id", Value: "y"}}, `{"a":"x"}`},
		"omit the only field":        {bsonjson.Options{OmitID: true}, bson.D{{Key: "_id", Value: 1}}, `{}`},
		"decimal strings":            {bsonjson.Options{DecimalStrings: true}, bson.D{{Key: "d", Value: bson.A{decimal("1.50"), decimal("NaN"), decimal("-Infinity")}}}, `{"d":["1.50",null,null]}`},
		"epoch milliseconds":         {bsonjson.Options{EpochMillis: true}, bson.D{{Key: "d", Value: bson.A{someDate, tooLate, primitive.DateTime(-1)}}}, `{"d":[1577934245678,253402300800000,-1]}`},
		"base64 UUIDs":               {bsonjson.Options{Base64UUIDs: true}, bson.D{{Key: "b", Value: primitive.Binary{Subtype: 4, Data: uuid}}}, `{"b":"EjRWeBI0VniavN7wEjRWeA=="}`},
		"prune fields":               {bsonjson.Options{Prune: true}, bson.D{{Key: "a", Value: math.NaN()}, {Key: "b", Value: 1.0}, {Key: "c", Value: tooLate}, {Key: "d", Value: math.Inf(-1)}}, `{"b":1.0}`},
		"prune elements":             {bsonjson.Options{Prune: true}, bson.D{{Key: "a", Value: bson.A{math.Inf(1), 1.0, tooLate, bson.D{{Key: "x", Value: math.NaN()}}}}}, `{"a":[1.0,{}]}`},
		"prune in a scope":           {bsonjson.Options{Prune: true}, bson.D{{Key: "a", Value: primitive.CodeWithScope{Scope: bson.D{{Key: "x", Value: math.NaN()}, {Key: "y", Value: 1.5}}}}}, `{"a":{"Code":"","Scope":[{"Key":"y","Value":1.5}]}}`},
		"prune keeps decimal NaN":    {bsonjson.Options{Prune: true}, bson.D{{Key: "a", Value: decimal("NaN")}}, `{"a":null}`},
		"epoch dates are not pruned": {bsonjson.Options{Prune: true, EpochMillis: true}, bson.D{{Key: "a", Value: tooLate}}, `{"a":253402300800000}`},
		"odd keys are kept":          {bsonjson.Options{}, bson.D{{Key: "", Value: 1}, {Key: "a..b", Value: 2}, {Key: "_source", Value: 3}, {Key: "é\"<", Value: 4}}, `{"":1,"a..b":2,"_source":3,"é\"\u003c":4}`},
		"odd keys are replaced": {bsonjson.Options{Keys: bsonjson.KeysReplace},
			bson.D{{Key: "", Value: 1}, {Key: "a.b", Value: bson.D{{Key: " ", Value: 2}, {Key: "_id", Value: 3}}}, {Key: "_source", Value: 4}, {Key: "long.name.é", Value: 5}},
			`{"_":1,"a_b":{"_":2,"_id":3},"__source":4,"long_name_é":5}`},
		"good keys are not refused": {bsonjson.Options{Keys: bsonjson.KeysRefuse},
			bson.D{{Key: "a", Value: bson.D{{Key: "x", Value: 1}}}, {Key: "a.b", Value: 1}, {Key: "n", Value: nil}, {Key: "n.x", Value: 1}, {Key: "sub", Value: bson.D{{Key: "_source", Value: 1}}}},
			`{"a":{"x":1},"a.b":1,"n":null,"n.x":1,"sub":{"_source":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := bsonjson.AppendDocument(nil, marshal(t, test.doc), &test.options)
			require.NoError(t, err)
			require.Equal(t, test.want, string(out))

			out, err = bsonjson.AppendValue(nil, test.doc, &test.options)
			require.NoError(t, err)
			require.Equal(t, test.want, string(out), "as a Go value")
		})
	}
}

func TestValuesWithoutJSONFormAreRefusedWithTheirPath(t *testing.T) {
	refuse := bsonjson.Options{Keys: bsonjson.KeysRefuse}
	for name, test := range map[string]struct {
		options bsonjson.Options
		doc     bson.D
		path    string
	}{
		"NaN":                           {doc: bson.D{{Key: "a", Value: math.NaN()}}, path: "a"},
		"infinity in an array":          {doc: bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: bson.A{1, math.Inf(-1)}}}}}, path: "a.b.1"},
		"date before the year 0":        {doc: bson.D{{Key: "d", Value: primitive.DateTime(-62167219200001)}}, path: "d"},
		"date after the year 9999":      {doc: bson.D{{Key: "d", Value: primitive.DateTime(253402300800000)}}, path: "d"},
		"in a scope":                    {doc: bson.D{{Key: "c", Value: primitive.CodeWithScope{Scope: bson.D{{Key: "x", Value: math.NaN()}}}}}, path: "c.x"},
		"empty name":                    {refuse, bson.D{{Key: "a", Value: bson.D{{Key: "", Value: 1}}}}, "a."},
		"blank name":                    {refuse, bson.D{{Key: " ", Value: 1}}, " "},
		"leading dot":                   {refuse, bson.D{{Key: ".a", Value: 1}}, ".a"},
		"trailing dot":                  {refuse, bson.D{{Key: "a.", Value: 1}}, "a."},
		"two dots":                      {refuse, bson.D{{Key: "a..b", Value: 1}}, "a..b"},
		"metadata field":                {refuse, bson.D{{Key: "_source", Value: 1}}, "_source"},
		"dotted below a value":          {refuse, bson.D{{Key: "a", Value: 1}, {Key: "a.b", Value: 2}}, "a.b"},
		"dotted in front of the value":  {refuse, bson.D{{Key: "a.b", Value: 2}, {Key: "a", Value: 1}}, "a.b"},
		"dotted below a dotted value":   {refuse, bson.D{{Key: "a.b", Value: bson.A{}}, {Key: "a.b.c.d", Value: 1}, {Key: "a.b.c", Value: 2}}, "a.b.c.d"},
		"dotted value against object":   {refuse, bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: bson.D{}}}}, {Key: "a.b", Value: 2}}, "a.b"},
		"dotted object against a value": {refuse, bson.D{{Key: "x", Value: bson.D{{Key: "a", Value: bson.D{{Key: "b", Value: 1}}}, {Key: "a.b", Value: bson.D{}}}}}, "x.a.b"},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(out []byte, err error) {
				t.Helper()
				var invalid *bsonjson.ValueError
				require.ErrorAs(t, err, &invalid)
				require.Equal(t, test.path, invalid.Path)
				require.Equal(t, "before", string(out))
			}
			check(bsonjson.AppendDocument([]byte("before"), marshal(t, test.doc), &test.options))
			check(bsonjson.AppendValue([]byte("before"), test.doc, &test.options))
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func decimal(s string) primitive.Decimal128 { return must(primitive.ParseDecimal128(s)) }

func marshal(t testing.TB, v any) bson.Raw {
	t.Helper()
	raw, err := bson.Marshal(v)
	require.NoError(t, err)
	return raw
}
