// Package indexname knows which names of indices Elasticsearch takes.
package indexname

import (
	"errors"
	"fmt"
	"strings"
)

// Max is the length of the longest name, in bytes.
const Max = 255

var (
	errLength  = fmt.Errorf("must be 1 to %d bytes", Max)
	errDots    = errors.New("must not be a dot or two")
	errStart   = errors.New("must not start with _, - or +")
	errLetters = errors.New(`must not contain \ / * ? " < > | , # :, spaces or control characters`)
)

// Check says why Elasticsearch would refuse a name, and with it perhaps the whole bulk request. Upper case is left to
// Elasticsearch, because an alias may have it.
func Check(name string) error {
	switch {
	case name == "" || len(name) > Max:
		return refused(name, errLength)
	case name == "." || name == "..":
		return refused(name, errDots)
	case name[0] == '_' || name[0] == '-' || name[0] == '+':
		return refused(name, errStart)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`\/*?"<>|,#:`, c) >= 0 {
			return refused(name, errLetters)
		}
	}
	return nil
}

func refused(name string, err error) error { return fmt.Errorf("index name %.300q %w", name, err) }
