package bsonjson

// defaultMaxDepth is twice what MongoDB itself allows to be stored.
const defaultMaxDepth = 200

// Options are the choices in how BSON values are written as JSON. The zero
// value, like a nil *Options, holds the defaults. Options are read only: many
// goroutines may share one.
type Options struct {
	// OmitID leaves the top-level _id out. Default: written.
	OmitID bool
	// ShortDoubles writes integral doubles without a fraction, 30 for 30.0.
	// Default: 30.0, so that Elasticsearch never maps a field of doubles as long.
	ShortDoubles bool
	// DecimalStrings writes Decimal128 as a string. Default: as a bare number
	// with all its digits. NaN and the infinities are null in both forms.
	DecimalStrings bool
	// EpochMillis writes dates as milliseconds since 1970. Default: as RFC 3339
	// text in UTC with three decimals.
	EpochMillis bool
	// Base64UUIDs writes binary values of the subtypes 3 and 4 in base64 like
	// all others. Default: as dashed hexadecimal digits in stored byte order, or
	// plain digits when there are not 16 bytes.
	Base64UUIDs bool
	// Prune drops the fields and array elements that JSON cannot hold: NaN and
	// infinite doubles, dates outside the years 0 to 9999. Default: such a value
	// is a [*ValueError].
	Prune bool
	// Keys is what becomes of field names that Elasticsearch refuses.
	// Default: KeysKeep.
	Keys KeyPolicy
	// MaxDepth bounds the nesting of documents and arrays. Default (zero): 200.
	MaxDepth int
}

// KeyPolicy says what becomes of field names that Elasticsearch refuses, or
// refuses in some versions: empty or blank names, dots without a name before,
// between or behind them, metadata fields such as _source at the top level, and
// dotted names that clash with another field of the same document, as in
// {"a": 1, "a.b": 2}. Of documents with more than 2000 fields side by side only
// the first 2000 are compared.
type KeyPolicy uint8

const (
	// KeysKeep passes every name through; Elasticsearch decides.
	KeysKeep KeyPolicy = iota
	// KeysRefuse makes a refused name a [*ValueError] that tells its path.
	KeysRefuse
	// KeysReplace writes "_" for every dot and for an empty or blank name, and
	// "_" in front of a metadata field. Two fields that come out with one name
	// are left to Elasticsearch, which refuses the document.
	KeysReplace
)

func (o *Options) maxDepth() int {
	if o.MaxDepth <= 0 {
		return defaultMaxDepth
	}
	return o.MaxDepth
}
