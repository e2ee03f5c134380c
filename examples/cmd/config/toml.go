package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// loadFile reports whether the file could be read as TOML.
func (s *settings) loadFile(path string) bool {
	content, err := os.ReadFile(path)
	if err != nil {
		s.fail("-f", "", &remedyError{"the file cannot be read: " + err.Error(), "name a TOML file that exists"})
		return false
	}
	keys := map[string]any{}
	if _, err := toml.Decode(string(content), &keys); err != nil {
		s.fail("-f "+path, "", &remedyError{"the file is not valid TOML: " + parseError(string(content), err), "correct the line"})
		return false
	}
	s.loadTOML(keys, newLines(path, string(content)))
	return true
}

// secretLine finds lines whose text must not be repeated.
var secretLine = regexp.MustCompile(`(?i)url|pass|secret|key|token|user`)

// parseError says what the decoder does not understand. Its words may hold a part of the value, which may be a secret.
func parseError(content string, err error) string {
	var p toml.ParseError
	if !errors.As(err, &p) {
		return "it cannot be decoded"
	}
	at := fmt.Sprintf("line %d", p.Position.Line)
	all := strings.Split(content, "\n")
	if n := p.Position.Line; n < 1 || n > len(all) || secretLine.MatchString(all[n-1]) || secretLine.MatchString(p.LastKey) {
		return at + ": a text is written in quotes, a list in brackets"
	}
	return at + ": " + p.Message
}

// loadTOML sets every key of a file, whatever the case of its letters.
func (s *settings) loadTOML(keys map[string]any, l lines) {
	seen := map[string]bool{}
	for _, key := range sortedKeys(keys) {
		name := strings.ToLower(key)
		if seen[name] {
			s.fail(name, l.of(name), &remedyError{"given twice, in different spellings", "keep one"})
			continue
		}
		seen[name] = true
		s.loadKey(name, keys[key], l)
	}
}

func (s *settings) loadKey(name string, v any, l lines) {
	if o, ok := s.option(name); ok {
		s.assignTOML(o, v, l)
		return
	}
	if known, ok := s.legacyKey(name); ok {
		s.checkLegacyTables(known, v, l)
		if !known.isInitial(v) {
			s.meet(known, l.of(name))
		}
		return
	}
	s.fail(name, l.of(name), unknownKey(name, s.names()))
}

func unknownKey(name string, known []string) error {
	return &remedyError{"unknown key" + suggestion(name, known), "correct or remove it; -help lists the settings"}
}

func (s *settings) assignTOML(o option, v any, l lines) {
	origin := l.of(o.name)
	s.origins[o.name] = origin
	err := o.value.setTOML(v)
	if err == nil {
		err = s.check(o, origin)
	}
	for _, err := range unjoin(err) {
		var t *tableError
		if !errors.As(err, &t) {
			s.fail(o.name, origin, err)
			continue
		}
		table := fmt.Sprintf("%s[%d]", o.name, t.table)
		name, origin := o.name, l.of(table, o.name)
		if t.key != "" {
			name, origin = o.name+"."+t.key, l.of(table+"."+t.key, table, o.name)
		}
		if _, top := s.option(t.key); top && errors.Is(t.err, errUnknownKey) {
			t.err = &remedyError{"it stands within a table", "settings that are not part of a table belong above the first table"}
		}
		s.fail(name, origin, within(fmt.Sprintf("table %d", t.table+1), t.err))
	}
}

// unjoin returns the errors that errors.Join has joined.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// checkLegacyTables finds unknown keys in tables that have no effect.
func (s *settings) checkLegacyTables(known legacy, v any, l lines) {
	if known.keys == nil || known.refused {
		return
	}
	table, ok := v.(map[string]any)
	if !ok {
		s.fail(known.name, l.of(known.name), fmt.Errorf("want a table, [%s]", known.name))
		return
	}
	for _, key := range sortedKeys(table) {
		if !slices.Contains(known.keys, strings.ToLower(key)) {
			path := known.name + "." + key
			s.fail(path, l.of(path, known.name), unknownKey(key, known.keys))
		}
	}
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
		for _, item := range v {
			if !isZeroTOML(item) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
