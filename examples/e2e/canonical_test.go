package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"sort"
	"strings"
)

// canonical writes a JSON value in one way only: keys in order, numbers by their exact decimal value, and by whether
// they have a fraction or an exponent, because that is what Elasticsearch's dynamic mapping goes by.
func canonical(v any) string {
	var b strings.Builder
	writeCanonical(&b, v)
	return b.String()
}

// canonicalJSON is canonical for JSON text.
func canonicalJSON(text []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return "", err
	}
	return canonical(v), nil
}

func writeCanonical(b *strings.Builder, v any) {
	switch v := v.(type) {
	case map[string]any:
		writeObject(b, v)
	case []any:
		for i, e := range v {
			b.WriteString(separator(i, '['))
			writeCanonical(b, e)
		}
		b.WriteString(closing(len(v), "[]"))
	case json.Number:
		b.WriteString(number(string(v)))
	case literal:
		b.WriteString(number(string(v)))
	case string:
		text, _ := json.Marshal(v)
		b.Write(text)
	default:
		fmt.Fprint(b, v)
	}
}

func writeObject(b *strings.Builder, v map[string]any) {
	keys := make([]string, 0, len(v))
	for key := range v {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for i, key := range keys {
		b.WriteString(separator(i, '{'))
		writeCanonical(b, key)
		b.WriteByte(':')
		writeCanonical(b, v[key])
	}
	b.WriteString(closing(len(v), "{}"))
}

func separator(i int, opening rune) string {
	if i == 0 {
		return string(opening)
	}
	return ","
}

func closing(n int, empty string) string {
	if n == 0 {
		return empty
	}
	return empty[1:]
}

func number(text string) string {
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		return "no number: " + text
	}
	kind := "whole "
	if strings.ContainsAny(text, ".eE") {
		kind = "real "
	}
	return kind + value.RatString()
}
