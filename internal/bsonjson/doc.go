// Package bsonjson turns BSON into the JSON that Elasticsearch receives.
//
// [AppendDocument] is the fast path: raw BSON in, JSON out, in one pass into
// the caller's buffer, without an allocation for any BSON type. [AppendValue]
// writes a document that was decoded and edited, by the same rules, and
// [DecodeMap] is the decoder that belongs to it. [AppendID] gives the text of
// an _id. [Reader] walks the elements of a raw document and [FindID] finds its
// _id. Fields keep their order in AppendDocument; AppendValue sorts those of
// maps.
//
// All input is taken as hostile: lengths, terminators and nesting are checked,
// and what is malformed is an error, never a panic.
package bsonjson
