package bsonedit

import (
	"math"
	"math/big"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/bsontype"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// EncodeValue returns a Go value as BSON. The driver itself does not take a bare nil.
func EncodeValue(v any) (bson.RawValue, error) {
	if v == nil {
		return bson.RawValue{Type: bsontype.Null}, nil
	}
	t, raw, err := bson.MarshalValue(v)
	return bson.RawValue{Type: t, Value: raw}, err
}

// DecodeValue returns the Go value of a BSON value, sub-documents as bson.M.
func DecodeValue(v bson.RawValue) (any, error) {
	doc := AppendField(OpenDocument(nil), v.Type, "v", v.Value)
	m, err := bsonjson.DecodeMap(CloseDocument(doc, 0))
	return m["v"], err
}

// WholeNumber returns the value of a number of any type; ok is false for other values, for fractions, and for what does
// not fit.
func WholeNumber(v bson.RawValue) (n int64, ok bool) {
	switch v.Type {
	case bsontype.Int32, bsontype.Int64:
		return v.AsInt64OK()
	case bsontype.Double:
		f, ok := v.DoubleOK()
		if !ok || f < math.MinInt64 || f >= math.MaxInt64 || f != math.Trunc(f) {
			return 0, false
		}
		return int64(f), true
	case bsontype.Decimal128:
		return wholeDecimal(v)
	}
	return 0, false
}

// maxDigits is more decimal digits than an int64 has.
const maxDigits = 20

func wholeDecimal(v bson.RawValue) (int64, bool) {
	d, ok := v.Decimal128OK()
	if !ok {
		return 0, false
	}
	n, exp, err := d.BigInt()
	if err != nil || exp > maxDigits {
		return 0, false
	}
	ten := big.NewInt(10)
	if exp >= 0 {
		n = new(big.Int).Mul(n, ten.Exp(ten, big.NewInt(int64(exp)), nil))
		return n.Int64(), n.IsInt64()
	}
	// A coefficient has at most 34 digits, so that a longer fraction is whole only when it is 0.
	if n.Sign() == 0 {
		return 0, true
	}
	if exp < -2*maxDigits {
		return 0, false
	}
	n, rest := new(big.Int).QuoRem(n, ten.Exp(ten, big.NewInt(int64(-exp)), nil), new(big.Int))
	return n.Int64(), rest.Sign() == 0 && n.IsInt64()
}
