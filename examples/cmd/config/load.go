package config

import (
	"fmt"
	"slices"
)

// Load assembles the settings from the command line (without the program's name), the environment (as os.Environ returns
// it) and the file named by -f: a flag wins over a variable, a variable over the file, the file over the default. The
// error is an *UsageError for a command line that cannot be read, flag.ErrHelp after -help was printed, and else
// Problems: all of them, each with the setting and the remedy. It never holds a secret.
func Load(args, environ []string, as CommandLine) (*Config, error) {
	c := Default()
	s := newSettings(&c)
	line, err := parseFlags(args, s, as)
	if err != nil {
		return nil, err
	}
	c.ShowVersion = line.version
	if line.version {
		return &c, nil
	}
	if line.file != "" && !s.loadFile(line.file) {
		return nil, s.problems // the others would follow from that
	}
	s.loadEnvironment(newEnvironment(environ), line.delimiter)
	s.loadFlags(line.given)
	s.validate()
	if len(s.problems) > 0 {
		return nil, s.problems
	}
	c.Warnings = s.warnings
	return &c, nil
}

// settings are the known keys and what has been noticed about them.
type settings struct {
	config   *Config
	options  []option
	legacy   []legacy
	origins  map[string]string // where an option was set last
	failed   map[string]bool   // options that have been set to something wrong
	problems Problems
	warnings []string
}

func newSettings(c *Config) *settings {
	return &settings{
		config: c, options: options(c), legacy: legacyKeys(), origins: map[string]string{}, failed: map[string]bool{},
	}
}

func (s *settings) option(name string) (option, bool) {
	i := slices.IndexFunc(s.options, func(o option) bool { return o.name == name })
	if i < 0 {
		return option{}, false
	}
	return s.options[i], true
}

func (s *settings) legacyKey(name string) (legacy, bool) {
	i := slices.IndexFunc(s.legacy, func(l legacy) bool { return l.name == name })
	if i < 0 {
		return legacy{}, false
	}
	return s.legacy[i], true
}

// names returns every key that is known, for suggestions.
func (s *settings) names() []string {
	names := namesOf(s.options)
	for _, l := range s.legacy {
		names = append(names, l.name)
	}
	return names
}

// assign sets an option from texts; origin says where they come from.
func (s *settings) assign(o option, origin string, texts []string) {
	s.origins[o.name] = origin
	err := o.value.set(texts)
	if err == nil {
		err = s.check(o, origin)
	}
	if err != nil {
		s.fail(o.name, origin, err)
	}
}

// check looks at what an option has been set to. What a list names twice counts once.
func (s *settings) check(o option, origin string) error {
	if l, ok := o.value.(texts); ok {
		for _, text := range l.unique() {
			s.warn("%s%s names %q more than once: it counts once", o.name, origin, hide(text, o.redact))
		}
	}
	return o.checkValue()
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
func (s *settings) meet(l legacy, origin string) {
	if l.refused {
		s.fail(l.name, origin, &remedyError{"not available yet", "remove it, if the result is right without it: " + l.why})
		return
	}
	s.warn("%s%s has no effect: %s", l.name, origin, l.why)
}

func (s *settings) loadFlags(given map[string][]string) {
	for _, o := range s.options {
		if texts := given[o.flagName()]; !o.tomlOnly && len(texts) > 0 {
			s.assign(o, " in flag -"+o.flagName(), texts)
		}
	}
	for _, l := range s.legacy {
		texts := given[l.flagName()]
		if l.tomlOnly || len(texts) == 0 || isZeroText(texts[len(texts)-1]) {
			continue
		}
		s.meet(l, " in flag -"+l.flagName())
	}
}

func isZeroText(text string) bool { return text == "" || text == "0" || text == "false" }

// origin says where a setting comes from, for problems that show only when all are known.
func (s *settings) origin(name string) string { return s.origins[name] }

// within puts where an error happened in front of it and keeps its remedy.
func within(where string, err error) error {
	if r, ok := err.(*remedyError); ok { //nolint:errorlint // a remedyError that is wrapped would lose its wrapping
		return &remedyError{where + ": " + r.problem, r.remedy}
	}
	return fmt.Errorf("%s: %w", where, err)
}
