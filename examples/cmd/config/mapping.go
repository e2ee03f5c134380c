package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

func mappings(target *[]Mapping) value {
	// Elasticsearch 7 has no types; old files still name one.
	return tableList[Mapping]{name: "mapping", target: target, keys: mappingKeys, check: checkMapping, ignored: []string{"type"}}
}

func mappingKeys(m *Mapping) []option {
	return []option{
		{name: "namespace", value: text(&m.Namespace)},
		{name: "pattern", value: text(&m.Pattern)},
		{name: "index", value: text(&m.Index)},
		{name: "pipeline", value: text(&m.Pipeline)},
	}
}

func checkMapping(m *Mapping) (key string, err error) {
	if m.Index == "" && m.Pipeline == "" {
		return "", errors.New("neither index nor pipeline is set")
	}
	if m.Pattern != "" {
		return checkPatternMapping(m)
	}
	m.Index = strings.ToLower(m.Index) // in a template ${Name} may be a group
	if err := collectionNamespace(m.Namespace); err != nil {
		return "namespace", err
	}
	if m.Index == "" {
		return "", nil
	}
	return "index", indexName(m.Index)
}

// group is what stands in a template for a group of the pattern.
var group = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// checkPatternMapping checks a template as if each group were a letter; the transformer knows which groups there are.
func checkPatternMapping(m *Mapping) (key string, err error) {
	if m.Namespace != "" {
		return "", errors.New("both namespace and pattern are set")
	}
	if err := pattern(m.Pattern); err != nil || m.Index == "" {
		return "pattern", err
	}
	return "index", indexName(group.ReplaceAllString(m.Index, "x"))
}

// lastMappings leaves out what a later table of the same namespace or pattern replaces.
func lastMappings(all []Mapping) (last []Mapping, replaced []string) {
	for i, m := range all {
		same := func(n Mapping) bool { return n.Namespace == m.Namespace && n.Pattern == m.Pattern }
		if slices.ContainsFunc(all[i+1:], same) {
			replaced = append(replaced, m.Namespace+m.Pattern)
		} else {
			last = append(last, m)
		}
	}
	return last, replaced
}

// printMappings comes in the midst of keys, which in TOML must stand before any table: so it writes an inline array.
func printMappings(b *strings.Builder, all []Mapping) {
	if len(all) == 0 {
		return
	}
	b.WriteString("mapping = [\n")
	for _, m := range all {
		source := "namespace = " + tomlValue(m.Namespace)
		if m.Pattern != "" {
			source = "pattern = " + tomlValue(m.Pattern)
		}
		fmt.Fprintf(b, "  { %s, index = %s, pipeline = %s },\n", source, tomlValue(m.Index), tomlValue(m.Pipeline))
	}
	b.WriteString("]\n")
}
