package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goatee-sync/goatee/transform/relate"
)

var matchFieldTypes = []string{"", "objectId", "string", "int", "long", "decimal"}

var errMatchFieldType = errors.New("want objectId, string, int, long or decimal")

func relates(target *[]relate.Relation) value {
	return tableList[relate.Relation]{name: "relate", target: target, keys: relateKeys, check: checkRelate}
}

func relateKeys(r *relate.Relation) []option {
	return []option{
		{name: "namespace", value: text(&r.Namespace)},
		{name: "with-namespace", value: text(&r.WithNamespace)},
		{name: "src-field", value: text(&r.SrcField)},
		{name: "match-field", value: text(&r.MatchField)},
		{name: "match-field-type", value: text(&r.MatchFieldType)},
		{name: "dot-notation", value: toggle(&r.DotNotation)},
		{name: "keep-src", value: toggle(&r.KeepSrc)},
		{name: "max-depth", value: number(&r.MaxDepth, 0)},
	}
}

// checkRelate accepts a type in any case.
func checkRelate(r *relate.Relation) (key string, err error) {
	if err := collectionNamespace(r.Namespace); err != nil {
		return "namespace", err
	}
	if err := collectionNamespace(r.WithNamespace); err != nil {
		return "with-namespace", err
	}
	i := slices.IndexFunc(matchFieldTypes, func(known string) bool { return strings.EqualFold(known, r.MatchFieldType) })
	if i < 0 {
		return "match-field-type", errMatchFieldType
	}
	r.MatchFieldType = matchFieldTypes[i]
	return "", nil
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
