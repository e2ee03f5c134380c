package config

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// environment are the variables that are set and not empty.
type environment map[string]string

func newEnvironment(environ []string) environment {
	e := environment{}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok && text != "" {
			e[name] = text
		}
	}
	return e
}

// fileSuffix makes the name of a variable that of one which names a file with the value: so secrets are mounted into
// containers.
const fileSuffix = "__FILE"

// get returns a variable's text, or the content of the file that name__FILE names, without line ends at its end.
func (e environment) get(name string) (text string, err error) {
	if name == "" || e[name] != "" {
		return e[name], nil
	}
	path := e[name+fileSuffix]
	if path == "" {
		return "", nil
	}
	content, err := os.ReadFile(path)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err // the path may be the secret itself, given in the wrong variable
	}
	return strings.TrimRight(string(content), "\r\n"), err
}

func (s *settings) loadEnvironment(e environment, delimiter string) {
	for _, o := range s.options {
		text, err := e.get(o.env)
		if err != nil {
			s.fail(o.name, " in variable "+o.env+fileSuffix, within("the file cannot be read", err))
			continue
		}
		if text == "" {
			continue
		}
		items := []string{text}
		if _, isList := o.value.(texts); isList {
			items = split(text, delimiter)
		}
		s.assign(o, " in variable "+o.env, items)
	}
	for _, l := range s.legacy {
		for _, env := range l.env {
			if e[env] != "" || e[env+fileSuffix] != "" {
				s.meet(l, " in variable "+env)
			}
		}
	}
	s.warnOfUnknown(e)
}

// split divides a list. White space around an item is not part of it, and an empty one is none.
func split(text, delimiter string) []string {
	var items []string
	for _, item := range strings.Split(text, delimiter) {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// ofKubernetes are the variables that Kubernetes sets for a service that is named monstache.
var ofKubernetes = regexp.MustCompile(`^MONSTACHE_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$`)

// warnOfUnknown finds variables that look like settings.
func (s *settings) warnOfUnknown(e environment) {
	var known []string
	for _, o := range s.options {
		known = append(known, o.env)
	}
	for _, l := range s.legacy {
		known = append(known, l.env...)
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		base := strings.TrimSuffix(name, fileSuffix)
		if !strings.HasPrefix(name, "MONSTACHE_") || slices.Contains(known, base) || ofKubernetes.MatchString(name) {
			continue
		}
		s.warn("variable %s is not known and has no effect%s", name, suggestion(base, known))
	}
}
