package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goatee-sync/goatee"
)

// LookupFunc finds an environment variable; os.LookupEnv is one.
type LookupFunc func(name string) (string, bool)

// Load assembles the settings from the command line (without the program's name), the environment and the file named by
// -f: a flag wins over a variable, a variable over the file, the file over the default. The error is an *UsageError for a
// command line that cannot be read, flag.ErrHelp after -help was printed on out, and else names the setting and the
// remedy. It never holds a secret.
func Load(args []string, lookup LookupFunc, out io.Writer) (*Config, error) {
	c := Default()
	settings := newSettings(&c)
	line, err := parseFlags(args, settings, out)
	if err != nil {
		return nil, err
	}
	c.ShowVersion = line.version
	if line.version {
		return &c, nil
	}
	if line.file != "" {
		if err := settings.loadFile(line.file); err != nil {
			return nil, err
		}
	}
	if err := settings.loadEnvironment(lookup, line.delimiter); err != nil {
		return nil, err
	}
	if err := settings.loadFlags(line.given); err != nil {
		return nil, err
	}
	c.Warnings = settings.warnings
	return &c, c.validate()
}

// settings are the known keys and what has been noticed about those that do nothing.
type settings struct {
	options  []option
	legacy   []legacy
	warnings []string
}

func newSettings(c *Config) *settings {
	return &settings{options: options(c), legacy: legacyKeys()}
}

func (s *settings) option(name string) (option, bool) {
	for _, o := range s.options {
		if o.name == name {
			return o, true
		}
	}
	return option{}, false
}

func (s *settings) legacyKey(name string) (legacy, bool) {
	for _, l := range s.legacy {
		if l.name == name {
			return l, true
		}
	}
	return legacy{}, false
}

// names returns every key that is not unknown, for suggestions.
func (s *settings) names() []string {
	var names []string
	for _, o := range s.options {
		names = append(names, o.name)
	}
	for _, l := range s.legacy {
		names = append(names, l.name)
	}
	return names
}

// assign sets an option from texts; origin says in an error where they come from.
func (s *settings) assign(o option, origin string, texts []string) error {
	return s.finish(o, origin, o.value.set(texts))
}

// finish checks what an option has been set to.
func (s *settings) finish(o option, origin string, err error) error {
	if err == nil {
		err = o.checkValue()
	}
	if err != nil {
		return settingError(o.name, origin, err)
	}
	return nil
}

// checkValue applies the option's check to its text or texts.
func (o option) checkValue() error {
	if o.check == nil {
		return nil
	}
	switch v := o.value.get().(type) {
	case string:
		return o.check(v)
	case []string:
		for _, text := range v {
			if err := o.check(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// meet deals with a key of the table in legacy.go that has been set to something.
func (s *settings) meet(l legacy, origin string) error {
	if l.refused {
		return &goatee.ConfigError{
			Setting: l.name,
			Problem: "not supported yet" + origin,
			Remedy:  "remove it, if the result is right without it: " + l.why,
		}
	}
	s.warnings = append(s.warnings, fmt.Sprintf("%s has no effect%s: %s", l.name, origin, l.why))
	return nil
}

func (s *settings) loadEnvironment(lookup LookupFunc, delimiter string) error {
	for _, o := range s.options {
		text, err := fromEnvironment(lookup, o.env)
		if err != nil {
			return settingError(o.name, "", err)
		}
		if text == "" {
			continue
		}
		texts := []string{text}
		if _, isList := o.value.get().([]string); isList {
			texts = strings.Split(text, delimiter)
		}
		if err := s.assign(o, " in variable "+o.env, texts); err != nil {
			return err
		}
	}
	for _, l := range s.legacy {
		for _, env := range l.env {
			if text, ok := lookup(env); ok && text != "" {
				if err := s.meet(l, " in variable "+env); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// fromEnvironment returns a variable's text, or the content of the file that name__FILE names, which is how secrets are
// mounted into containers. A line's end at the end of the file does not count.
func fromEnvironment(lookup LookupFunc, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if text, ok := lookup(name); ok && text != "" {
		return text, nil
	}
	path, ok := lookup(name + "__FILE")
	if !ok || path == "" {
		return "", nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("variable %s__FILE: %w", name, err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

func (s *settings) loadFlags(given map[string][]string) error {
	for _, o := range s.options {
		texts := given[o.flagName()]
		if o.tomlOnly || len(texts) == 0 {
			continue
		}
		if err := s.assign(o, " in flag -"+o.flagName(), texts); err != nil {
			return err
		}
	}
	for _, l := range s.legacy {
		texts := given[l.flagName()]
		if len(texts) == 0 || isZeroText(texts[len(texts)-1]) {
			continue
		}
		if err := s.meet(l, " in flag -"+l.flagName()); err != nil {
			return err
		}
	}
	return nil
}

func settingError(name, origin string, err error) error {
	var r *remedyError
	if errors.As(err, &r) {
		return &goatee.ConfigError{Setting: name + origin, Problem: r.problem, Remedy: r.remedy}
	}
	return &goatee.ConfigError{Setting: name + origin, Problem: err.Error()}
}
