package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/bson/primitive"
)

// literal is a JSON number as it must be written.
type literal string

// MarshalJSON writes the number as it is.
func (l literal) MarshalJSON() ([]byte, error) { return []byte(l), nil }

// expectID returns the Elasticsearch id of an _id. It shares no code with what is tested: the driver decodes.
func expectID(id any) string {
	switch v := id.(type) {
	case primitive.ObjectID:
		return v.Hex()
	case float64:
		if v == float64(int64(v)) {
			return strconv.FormatInt(int64(v), 10)
		}
		return fmt.Sprint(v)
	case primitive.Binary:
		return expectBinary(v)
	case primitive.DateTime:
		return v.Time().UTC().String()
	case primitive.Timestamp:
		return fmt.Sprintf("{%d %d}", v.T, v.I)
	case primitive.MinKey:
		return "{}"
	case bson.D:
		return fmt.Sprint(printed(v))
	default:
		return fmt.Sprint(v)
	}
}

// printed turns sub-documents into maps, which fmt prints in the order of their keys.
func printed(v any) any {
	d, ok := v.(bson.D)
	if !ok {
		return v
	}
	m := bson.M{}
	for _, e := range d {
		m[e.Key] = printed(e.Value)
	}
	return m
}

// expectSource returns the JSON value of a document without its _id.
func expectSource(doc bson.D) map[string]any {
	m := map[string]any{}
	for _, e := range doc {
		if e.Key != "_id" {
			m[e.Key] = expectValue(e.Value)
		}
	}
	return m
}

func expectValue(v any) any {
	switch v := v.(type) {
	case bson.D:
		m := map[string]any{}
		for _, e := range v {
			m[e.Key] = expectValue(e.Value)
		}
		return m
	case bson.A:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = expectValue(e)
		}
		return list
	case int32, int64:
		return literal(fmt.Sprint(v))
	case float64:
		return expectDouble(v)
	case primitive.Decimal128:
		return literal(v.String())
	case primitive.ObjectID:
		return v.Hex()
	case primitive.Binary:
		return expectBinary(v)
	case primitive.DateTime:
		return v.Time().UTC().Format("2006-01-02T15:04:05.000Z")
	case primitive.Timestamp:
		return map[string]any{"T": literal(fmt.Sprint(v.T)), "I": literal(fmt.Sprint(v.I))}
	case primitive.Regex:
		return map[string]any{"Pattern": v.Pattern, "Options": v.Options}
	case primitive.JavaScript:
		return string(v)
	case primitive.MinKey:
		return map[string]any{}
	case string, bool, nil:
		return v
	default:
		panic(fmt.Sprintf("no rule for %T", v))
	}
}

// expectDouble keeps the fraction of whole numbers, so that Elasticsearch never maps a field of doubles as long.
func expectDouble(v float64) literal {
	text := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return literal(text)
}

func expectBinary(b primitive.Binary) string {
	if b.Subtype != 3 && b.Subtype != 4 {
		return base64.StdEncoding.EncodeToString(b.Data)
	}
	h := hex.EncodeToString(b.Data)
	if len(h) != 32 {
		return h
	}
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// at returns a date with a fraction of milliseconds.
func at(ms int64) primitive.DateTime { return primitive.NewDateTimeFromTime(time.UnixMilli(ms)) }
