package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var errMappings = errors.New("want [[mapping]] tables of texts")

type mappingTables struct{ target *[]Mapping }

func mappings(target *[]Mapping) value { return mappingTables{target} }

func (m mappingTables) set([]string) error { return errMappings }
func (m mappingTables) get() any           { return *m.target }
func (m mappingTables) isBool() bool       { return false }

func (m mappingTables) setTOML(v any) error {
	tables, err := tablesOf(v, errMappings)
	if err != nil {
		return err
	}
	*m.target = nil
	for i, table := range tables {
		mapping, err := decodeMapping(table)
		if err != nil {
			return within(fmt.Sprintf("table %d", i+1), err)
		}
		*m.target = append(*m.target, mapping)
	}
	return nil
}

// tablesOf accepts tables in double brackets and an array of inline tables; wrong is the error for everything else.
func tablesOf(v any, wrong error) ([]map[string]any, error) {
	if tables, ok := v.([]map[string]any); ok {
		return tables, nil
	}
	items, err := as[[]any](wrong)(v)
	if err != nil {
		return nil, err
	}
	tables := make([]map[string]any, len(items))
	for i, item := range items {
		if tables[i], err = as[map[string]any](wrong)(item); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

func decodeMapping(table map[string]any) (Mapping, error) {
	var m Mapping
	fields := map[string]*string{"namespace": &m.Namespace, "pattern": &m.Pattern, "index": &m.Index, "pipeline": &m.Pipeline}
	for _, key := range sortedKeys(table) {
		name := strings.ToLower(key)
		if name == "type" {
			continue // Elasticsearch 7 has no types; old files still name one
		}
		target, ok := fields[name]
		if !ok {
			return m, fmt.Errorf("unknown key %q%s", key, suggestion(name, sortedKeys(fields)))
		}
		s, ok := table[key].(string)
		if !ok {
			return m, fmt.Errorf("%s: %w", key, errText)
		}
		*target = s
	}
	if m.Pattern == "" {
		m.Index = strings.ToLower(m.Index) // in a template ${Name} may be a group
	}
	return m, checkMapping(m)
}

func checkMapping(m Mapping) error {
	if m.Index == "" && m.Pipeline == "" {
		return errors.New("neither index nor pipeline is set")
	}
	if m.Pattern != "" {
		return checkPatternMapping(m)
	}
	if err := collectionNamespace(m.Namespace); err != nil {
		return within("namespace", err)
	}
	if m.Index == "" {
		return nil
	}
	return within("index", indexName(m.Index))
}

// group is what stands in a template for a group of the pattern.
var group = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// checkPatternMapping checks a template as if each group were a letter; the transformer knows which groups there are.
func checkPatternMapping(m Mapping) error {
	if m.Namespace != "" {
		return errors.New("both namespace and pattern are set")
	}
	if err := pattern(m.Pattern); err != nil || m.Index == "" {
		return within("pattern", err)
	}
	return within("index", indexName(group.ReplaceAllString(m.Index, "x")))
}

// duplicateMapping returns a namespace that has two mappings, or "".
func duplicateMapping(all []Mapping) string {
	for i, m := range all {
		if slices.ContainsFunc(all[:i], func(n Mapping) bool { return n.Namespace == m.Namespace && m.Namespace != "" }) {
			return m.Namespace
		}
	}
	return ""
}
