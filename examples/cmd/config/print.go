package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/goatee-sync/goatee/transform/relate"
)

// Print writes the settings as TOML that can be loaded again, apart from the secrets, which are hidden.
func (c *Config) Print(out io.Writer) error {
	var b strings.Builder
	for _, o := range options(c) {
		switch v := o.value.get().(type) {
		case []Mapping:
			printMappings(&b, v)
		case []relate.Relation:
			printRelates(&b, v)
		default:
			fmt.Fprintf(&b, "%s = %s\n", o.name, tomlValue(hide(v, o.redact)))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func hide(v any, redact func(string) string) any {
	if redact == nil {
		return v
	}
	switch v := v.(type) {
	case string:
		return redact(v)
	case []string:
		hidden := make([]string, len(v))
		for i, text := range v {
			hidden[i] = redact(text)
		}
		return hidden
	default:
		return v
	}
}

// tomlValue writes a value in TOML's notation, which for texts, numbers and lists of them is that of JSON.
func tomlValue(v any) string {
	if list, ok := v.([]string); ok && list == nil {
		return "[]"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Markdown writes the table of all settings: CONFIG.md.
func Markdown(out io.Writer) error {
	c := Default()
	var b strings.Builder
	b.WriteString("| TOML key | flag | variable | default | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, o := range options(&c) {
		flag, env, initial := "", "", ""
		if !o.tomlOnly {
			flag = "`-" + o.flagName() + "`"
			initial = "`" + tomlValue(o.value.get()) + "`"
		}
		if o.env != "" {
			env = "`" + o.env + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", o.name, flag, env, initial, strings.ReplaceAll(o.doc, "|", `\|`))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
