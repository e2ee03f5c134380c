package transform

import (
	"fmt"
	"strings"
)

const maxIndexName = 255

// checkIndexName says why Elasticsearch would refuse a name.
func checkIndexName(name string) error {
	reason := ""
	switch {
	case name == "" || len(name) > maxIndexName:
		reason = fmt.Sprintf("must be 1 to %d bytes", maxIndexName)
	case name == "." || name == "..":
		reason = "must not be . or .."
	case strings.ContainsRune("_-+", rune(name[0])):
		reason = "must not start with _, - or +"
	case strings.ContainsAny(name, `\/*?"<>|,#: `):
		reason = `must hold none of \ / * ? " < > | , # : and space`
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		reason = "must hold no control characters"
	}
	if reason == "" {
		return nil
	}
	return fmt.Errorf("index name %.300q %s", name, reason)
}
