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

// joinPath joins path segments collected from the innermost outwards.
func joinPath(segments []string) string {
	slices.Reverse(segments)
	return strings.Join(segments, ".")
}
