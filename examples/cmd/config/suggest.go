package config

import (
	"fmt"
	"strings"

	"github.com/goatee-sync/goatee/internal/similar"
)

// suggestion names what was probably meant by an unknown name, or is empty.
func suggestion(name string, known []string) string {
	best := similar.Nearest(strings.ToLower(name), known, 3)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
