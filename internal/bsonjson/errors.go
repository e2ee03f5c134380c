package bsonjson

import (
	"slices"
	"strconv"
	"strings"
)

// SyntaxError says that a document is not well-formed BSON, or nested deeper
// than allowed.
type SyntaxError struct {
	Path   string // dotted path of the field, empty for the document itself
	Offset int    // in bytes from the start of the document
	Reason string
}

func (e *SyntaxError) Error() string {
	return "malformed BSON" + atPath(e.Path) + " (byte " + strconv.Itoa(e.Offset) + "): " + e.Reason
}

// ValueError says that a well-formed document holds something that has no JSON
// form, or a field name that was to be refused.
type ValueError struct {
	Path   string // dotted path of the field
	Reason string
}

func (e *ValueError) Error() string {
	return "no JSON form" + atPath(e.Path) + ": " + e.Reason
}

func atPath(path string) string {
	if path == "" {
		return ""
	}
	return " at " + strconv.Quote(path)
}

// failure is what transcoder and decoder note when they fail; it becomes the
// error only at the end, so that the way there costs nothing.
type failure struct {
	size   int      // of the document; cap(src) of it lie behind the start of src
	path   []string // innermost first
	offset int
	reason string
	value  bool // well-formed, but without a JSON form
}

// malformed notes that the BSON at src is not well-formed.
func (f *failure) malformed(src []byte, reason string) {
	f.offset, f.reason = f.size-cap(src), reason
}

// refuse notes that a value has no JSON form.
func (f *failure) refuse(reason string) {
	f.reason, f.value = reason, true
}

// within notes the field or the index below which the failure was.
func (f *failure) within(segment string) {
	f.path = append(f.path, segment)
}

func (f *failure) err() error {
	slices.Reverse(f.path)
	path := strings.Join(f.path, ".")
	if f.value {
		return &ValueError{Path: path, Reason: f.reason}
	}
	return &SyntaxError{Path: path, Offset: f.offset, Reason: f.reason}
}
