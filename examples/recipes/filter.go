package recipes

import (
	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/transform"
)

// Interesting ignores documents that are not interesting. One that was and is no longer stays as it was: unlike what
// SoftDelete does, nothing is deleted.
func Interesting() goatee.Transformer {
	return transform.Keep(func(c *goatee.Change) bool {
		interesting, _ := c.Document.Lookup("interesting").BooleanOK()
		return interesting
	})
}
