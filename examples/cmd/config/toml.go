package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/goatee-sync/goatee"
)

func (s *settings) loadFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return &goatee.ConfigError{Setting: "-f", Problem: "cannot read the file", Remedy: "name a TOML file that exists", Err: err}
	}
	return s.loadTOML(string(content), path)
}

// loadTOML sets every key of a file, whatever the case of its letters, and refuses those it does not know.
func (s *settings) loadTOML(content, path string) error {
	keys := map[string]any{}
	if _, err := toml.Decode(content, &keys); err != nil {
		return &goatee.ConfigError{Setting: "-f " + path, Problem: "no valid TOML", Remedy: "correct the line it names", Err: err}
	}
	seen := map[string]bool{}
	for _, key := range sortedKeys(keys) {
		name, origin := strings.ToLower(key), where(content, path, key)
		if seen[name] {
			return &goatee.ConfigError{Setting: key + origin, Problem: "given twice, in different spellings", Remedy: "keep one"}
		}
		seen[name] = true
		if err := s.loadKey(name, origin, keys[key]); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) loadKey(name, origin string, v any) error {
	if o, ok := s.option(name); ok {
		return s.finish(o, origin, o.value.setTOML(v))
	}
	if l, ok := s.legacyKey(name); ok {
		if isZeroTOML(v) {
			return nil
		}
		return s.meet(l, origin)
	}
	return &goatee.ConfigError{
		Setting: name + origin,
		Problem: "unknown key" + suggestion(name, s.names()),
		Remedy:  "correct or remove it; -help lists the settings",
	}
}

// where says for people in which line a top-level key is; the decoder does not tell.
func where(content, path, key string) string {
	begin := regexp.MustCompile(`^\s*(\[\[?\s*)?["']?` + regexp.QuoteMeta(key) + `["']?\s*[\]=.]`)
	for i, line := range strings.Split(content, "\n") {
		if begin.MatchString(line) {
			return fmt.Sprintf(" in %s, line %d", path, i+1)
		}
	}
	return " in " + path
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// isZeroTOML reports whether a key is set to what it would be without being set.
func isZeroTOML(v any) bool {
	switch v := v.(type) {
	case bool:
		return !v
	case string:
		return v == ""
	case int64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

func isZeroText(text string) bool { return text == "" || text == "0" || text == "false" }
