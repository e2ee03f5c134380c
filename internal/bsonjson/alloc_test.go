package bsonjson_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

func TestNoTypeAllocates(t *testing.T) {
	dst := make([]byte, 0, 1<<16)
	for _, options := range []*bsonjson.Options{
		nil,
		{OmitID: true, Prune: true, Keys: bsonjson.KeysRefuse, DecimalStrings: true},
		{ShortDoubles: true, EpochMillis: true, Base64UUIDs: true, Keys: bsonjson.KeysReplace},
	} {
		for _, field := range types {
			raw := marshal(t, bson.D{field})
			allocs := testing.AllocsPerRun(100, func() {
				if _, err := bsonjson.AppendDocument(dst, raw, options); err != nil {
					t.Error(err)
				}
			})
			require.Zero(t, allocs, field.Key)
		}
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	raw := marshal(t, types)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r := bsonjson.NewReader(raw)
		for r.Next() {
		}
		if r.Err() != nil {
			t.Error(r.Err())
		}
		if _, _, ok := bsonjson.FindID(raw); ok {
			t.Error("there is no _id")
		}
	}))
}

func TestIDsAndStringsDoNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 1<<16)
	text := "some text of more than thirty-two bytes <é>"
	for _, id := range []any{oid, text, int32(5), int64(1) << 60, 2.0, 2.5, true, nil} {
		typ, value := idOf(t, id)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if _, err := bsonjson.AppendID(dst, typ, value, bsonjson.IDGoMap); err != nil {
				t.Error(err)
			}
		}), "%T", id)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { bsonjson.AppendString(dst, text) }))
}

func TestBufferIsGrownWhenItIsTooSmall(t *testing.T) {
	raw := marshal(t, types)
	for n := range len(typesJSON) + 20 {
		out, err := bsonjson.AppendDocument(make([]byte, 0, n), raw, nil)
		require.NoError(t, err)
		require.Equal(t, typesJSON, string(out))
	}
}
