package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goatee-sync/goatee/transform/relate"
)

var (
	errRelates        = errors.New("want [[relate]] tables")
	errMatchFieldType = errors.New("want objectId, string, int, long or decimal")
)

type relateTables struct{ target *[]relate.Relation }

func relates(target *[]relate.Relation) value { return relateTables{target} }

func (r relateTables) set([]string) error { return errRelates }
func (r relateTables) get() any           { return *r.target }
func (r relateTables) isBool() bool       { return false }

func (r relateTables) setTOML(v any) error {
	tables, err := tablesOf(v, errRelates)
	if err != nil {
		return err
	}
	*r.target = nil
	for i, table := range tables {
		relation, err := decodeRelate(table)
		if err != nil {
			return within(fmt.Sprintf("table %d", i+1), err)
		}
		*r.target = append(*r.target, relation)
	}
	return nil
}

// relateKeys binds the keys of a table to the fields of r, in the order in which they are printed.
func relateKeys(r *relate.Relation) []option {
	return []option{
		{name: "namespace", value: text(&r.Namespace), check: collectionNamespace},
		{name: "with-namespace", value: text(&r.WithNamespace), check: collectionNamespace},
		{name: "src-field", value: text(&r.SrcField)},
		{name: "match-field", value: text(&r.MatchField)},
		{name: "match-field-type", value: text(&r.MatchFieldType), check: matchFieldType},
		{name: "dot-notation", value: toggle(&r.DotNotation)},
		{name: "keep-src", value: toggle(&r.KeepSrc)},
		{name: "max-depth", value: number(&r.MaxDepth, 0)},
	}
}

func decodeRelate(table map[string]any) (relate.Relation, error) {
	var r relate.Relation
	keys := relateKeys(&r)
	for _, key := range sortedKeys(table) {
		name := strings.ToLower(key)
		i := slices.IndexFunc(keys, func(o option) bool { return o.name == name })
		if i < 0 {
			return r, fmt.Errorf("unknown key %q%s", key, suggestion(name, namesOf(keys)))
		}
		if err := keys[i].value.setTOML(table[key]); err != nil {
			return r, within(key, err)
		}
	}
	for _, o := range keys {
		if err := o.checkValue(); err != nil {
			return r, within(o.name, err)
		}
	}
	return r, nil
}

func namesOf(options []option) []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	return names
}

func matchFieldType(text string) error {
	if slices.Contains([]string{"", "objectId", "string", "int", "long", "decimal"}, text) {
		return nil
	}
	return errMatchFieldType
}

// printRelates comes in the midst of keys, as printMappings does.
func printRelates(b *strings.Builder, all []relate.Relation) {
	if len(all) == 0 {
		return
	}
	b.WriteString("relate = [\n")
	for i := range all {
		var fields []string
		for _, o := range relateKeys(&all[i]) {
			fields = append(fields, o.name+" = "+tomlValue(o.value.get()))
		}
		fmt.Fprintf(b, "  { %s },\n", strings.Join(fields, ", "))
	}
	b.WriteString("]\n")
}
