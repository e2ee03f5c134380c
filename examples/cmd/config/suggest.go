package config

import (
	"fmt"

	"github.com/goatee-sync/goatee/internal/similar"
)

// suggestion names what was probably meant by an unknown name, or is empty.
func suggestion(name string, known []string) string {
	best := similar.Nearest(name, known, 3)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
