package goatee

import (
	"bytes"
	"fmt"
	"maps"

	"go.mongodb.org/mongo-driver/bson"

	"github.com/goatee-sync/goatee/internal/bsonjson"
)

// Document is a BSON document that is decoded when somebody first touches it, and not before: one that nobody touched
// goes from BSON to JSON without becoming Go values. The zero Document is no document. A Document is not safe for
// concurrent use; goatee never hands one to two goroutines.
type Document struct {
	raw     bson.Raw
	decoded bson.M
	// frozen documents are those of changes: Map decodes a new map each time, so that nobody edits them.
	frozen bool
}

// NewDocument returns a document of raw bytes, which it keeps and does not copy.
func NewDocument(raw bson.Raw) Document { return Document{raw: raw} }

// DocumentOf returns a document of a Go value: a bson.M is kept as it is, a bson.Raw too, anything else (bson.D, a
// struct with bson tags) is marshalled.
func DocumentOf(v any) (Document, error) {
	switch v := v.(type) {
	case bson.M:
		return Document{decoded: v}, nil
	case bson.Raw:
		return Document{raw: v}, nil
	case Document:
		return v, nil
	}
	raw, err := bson.Marshal(v)
	if err != nil {
		return Document{}, fmt.Errorf("marshal %T as a document: %w", v, err)
	}
	return Document{raw: raw}, nil
}

// IsZero reports whether there is no document.
func (d *Document) IsZero() bool { return d.raw == nil && d.decoded == nil }

// IsDecoded reports whether Map has been called: what will be written is the map then, not the bytes.
func (d *Document) IsDecoded() bool { return d.decoded != nil }

// Len returns the size of the document's bytes; 0 for a document made of a map.
func (d *Document) Len() int { return len(d.raw) }

// Raw returns the document as BSON. It marshals the map when the document has been decoded, so that edits are in it.
func (d *Document) Raw() (bson.Raw, error) {
	if d.decoded == nil {
		return d.raw, nil
	}
	return bson.Marshal(d.decoded)
}

// Map decodes the document into the Go types the driver uses for bson.M. The map of an action's document (Action.Body) is
// decoded once, for reading and editing: what it holds in the end is what will be written. The document of a change is
// read-only: each call decodes it anew, and what is done to the map has no effect. Values may share memory with the batch;
// they are valid as long as the change is. A zero document gives a nil map.
func (d *Document) Map() (bson.M, error) {
	if d.frozen && d.raw != nil {
		return bsonjson.DecodeMap(d.raw)
	}
	if d.decoded == nil && d.raw != nil {
		m, err := bsonjson.DecodeMap(d.raw)
		if err != nil {
			return nil, err
		}
		d.decoded = m
	}
	return d.decoded, nil
}

// Lookup returns the value at a path of field names without decoding the document; a zero value when there is none.
func (d *Document) Lookup(path ...string) bson.RawValue {
	if d.decoded == nil {
		return d.raw.Lookup(path...)
	}
	raw, err := d.Raw()
	if err != nil {
		return bson.RawValue{}
	}
	return raw.Lookup(path...)
}

// Decode unmarshals the document into v, a pointer to a struct with bson tags for instance.
func (d *Document) Decode(v any) error {
	raw, err := d.Raw()
	if err != nil {
		return err
	}
	return bson.Unmarshal(raw, v)
}

// Clone returns a copy that shares no memory with d. A map that cannot be marshalled is copied at its top level only.
func (d *Document) Clone() Document {
	if d.decoded == nil {
		return Document{raw: bytes.Clone(d.raw), frozen: d.frozen}
	}
	if raw, err := bson.Marshal(d.decoded); err == nil {
		return Document{raw: raw, frozen: d.frozen}
	}
	return Document{decoded: maps.Clone(d.decoded), frozen: d.frozen}
}

// freeze makes the document read-only. One that was made of a map becomes bytes; where that fails it stays as it is, and
// whoever needs its bytes gets the error.
func (d *Document) freeze() {
	if d.decoded != nil {
		if raw, err := bson.Marshal(d.decoded); err == nil {
			d.raw, d.decoded = raw, nil
		}
	}
	d.frozen = true
}

// editable returns a document of the same content that may be edited.
func (d *Document) editable() Document {
	if d.raw == nil {
		return d.Clone()
	}
	return Document{raw: d.raw}
}
