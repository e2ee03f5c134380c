package bsonjson_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"
	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

func TestIDText(t *testing.T) {
	compound := bson.D{{Key: "b", Value: int32(2)}, {Key: "a", Value: oid}, {Key: "c", Value: bson.D{{Key: "z", Value: bson.A{int32(1), oid}}}}}
	for _, test := range []struct {
		id   any
		want string
	}{
		{oid, "5f5f5f5f5f5f5f5f5f5f5f5f"},
		{primitive.ObjectID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x90, 0x0a, 0xa0, 0xff}, "0123456789abcdef900aa0ff"},
		{`a/b #é"`, `a/b #é"`},
		{"", ""},
		{int32(-5), "-5"},
		{int64(math.MinInt64), "-9223372036854775808"},
		{2.0, "2"},
		{-0.0, "0"},
		{2.5, "2.5"},
		{1e21, "1e+21"},
		{1e15, "1000000000000000"},
		{1e-5, "1e-05"},
		{math.NaN(), "NaN"},
		{math.Inf(1), "+Inf"},
		{primitive.Binary{Subtype: 3, Data: uuidOld}, "78563412-7856-3412-7856-3412f0debc9a"},
		{primitive.Binary{Subtype: 4, Data: uuid}, "12345678-1234-5678-9abc-def012345678"},
		{primitive.Binary{Subtype: 4, Data: []byte{1, 2}}, "0102"},
		{primitive.Binary{Subtype: 0, Data: []byte("zz")}, "eno="},
		{true, "true"},
		{false, "false"},
		{someDate, "2020-01-02 03:04:05.678 +0000 UTC"},
		{primitive.DateTime(0), "1970-01-01 00:00:00 +0000 UTC"},
		{decimal("1.50"), "1.50"},
		{primitive.Timestamp{T: 5, I: 6}, "{5 6}"},
		{nil, "<nil>"},
		{primitive.MinKey{}, "{}"},
		{primitive.MaxKey{}, "{}"},
		{primitive.JavaScript("f()"), "f()"},
		{compound, `map[a:ObjectID("5f5f5f5f5f5f5f5f5f5f5f5f") b:2 c:map[z:[1 ObjectID("5f5f5f5f5f5f5f5f5f5f5f5f")]]]`},
		{bson.D{{Key: "at", Value: someDate}}, "map[at:2020-01-02 03:04:05.678 +0000 UTC]"},
	} {
		t.Run(fmt.Sprintf("%T %v", test.id, test.id), func(t *testing.T) {
			typ, value := idOf(t, test.id)
			got, err := bsonjson.AppendID([]byte("> "), typ, value, bsonjson.IDGoMap)
			require.NoError(t, err)
			require.Equal(t, "> "+test.want, string(got))
		})
	}
}

func TestCompoundIDAsExtendedJSONKeepsOrderAndTypes(t *testing.T) {
	typ, value := idOf(t, bson.D{{Key: "b", Value: int64(2)}, {Key: "a", Value: 2.0}, {Key: "c", Value: oid}})
	got, err := bsonjson.AppendID(nil, typ, value, bsonjson.IDExtendedJSON)
	require.NoError(t, err)
	require.Equal(t, `{"b":{"$numberLong":"2"},"a":{"$numberDouble":"2.0"},"c":{"$oid":"5f5f5f5f5f5f5f5f5f5f5f5f"}}`, string(got))

	typ, value = idOf(t, oid)
	got, err = bsonjson.AppendID(nil, typ, value, bsonjson.IDExtendedJSON)
	require.NoError(t, err)
	require.Equal(t, oid.Hex(), string(got), "only documents are written as extended JSON")
}

func TestMalformedIDIsRefused(t *testing.T) {
	for _, form := range []bsonjson.IDForm{bsonjson.IDGoMap, bsonjson.IDExtendedJSON} {
		for _, test := range []struct {
			typ   bsontype.Type
			value string
		}{
			{bsontype.ObjectID, "short"},
			{bsontype.Int32, "longer"},
			{bsontype.String, "\x09\x00\x00\x00a\x00"},
			{bsontype.EmbeddedDocument, "\x08\x00\x00\x00\x08a\x00\x00"},
			{0x42, ""},
		} {
			got, err := bsonjson.AppendID([]byte("> "), test.typ, []byte(test.value), form)
			var malformed *bsonjson.SyntaxError
			require.ErrorAs(t, err, &malformed)
			require.Equal(t, "> ", string(got))
		}
	}
}

func TestFindIDIsFoundAnywhereButOnlyAtTheTop(t *testing.T) {
	typ, value, ok := bsonjson.FindID(marshal(t, bson.D{{Key: "a", Value: bson.D{{Key: "_id", Value: 1}}}, {Key: "_id", Value: "x"}}))
	require.True(t, ok)
	require.Equal(t, bsontype.String, typ)
	require.Equal(t, "\x02\x00\x00\x00x\x00", string(value))

	_, _, ok = bsonjson.FindID(marshal(t, bson.D{{Key: "a", Value: bson.D{{Key: "_id", Value: 1}}}}))
	require.False(t, ok)
	_, _, ok = bsonjson.FindID([]byte{1, 2, 3})
	require.False(t, ok)
}

func TestReaderReportsMalformedDocuments(t *testing.T) {
	r := bsonjson.NewReader([]byte{1, 2, 3})
	require.False(t, r.Next())
	var malformed *bsonjson.SyntaxError
	require.ErrorAs(t, r.Err(), &malformed)

	r = bsonjson.NewReader([]byte{12, 0, 0, 0, 10, 'a', 0, 99, 'b', 0, 0, 0})
	require.True(t, r.Next())
	require.False(t, r.Next())
	require.ErrorAs(t, r.Err(), &malformed)
	require.Equal(t, 7, malformed.Offset)
}

func idOf(t *testing.T, id any) (bsontype.Type, []byte) {
	t.Helper()
	typ, value, ok := bsonjson.FindID(marshal(t, bson.D{{Key: "_id", Value: id}}))
	require.True(t, ok)
	return typ, value
}
