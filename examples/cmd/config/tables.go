package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// tableList is a setting of several tables, each of which becomes a T.
type tableList[T any] struct {
	name   string
	target *[]T
	// keys binds the keys of a table to a T, in the order in which they are printed.
	keys func(*T) []option
	// check looks at a table as a whole; it returns the key at fault, or "".
	check func(*T) (key string, err error)
	// ignored are keys that old files have.
	ignored []string
}

func (l tableList[T]) wanted() error { return fmt.Errorf("want [[%s]] tables", l.name) }

func (l tableList[T]) set([]string) error { return l.wanted() }
func (l tableList[T]) get() any           { return *l.target }
func (l tableList[T]) isBool() bool       { return false }

// setTOML accepts tables in double brackets and an array of inline tables. Its error joins a *tableError for each thing
// that is wrong.
func (l tableList[T]) setTOML(v any) error {
	tables, err := tablesOf(v, l.wanted())
	if err != nil {
		return err
	}
	var all []T
	var errs []error
	for i, table := range tables {
		t, wrong := l.decode(i, table)
		all = append(all, t)
		errs = append(errs, wrong...)
	}
	*l.target = all
	return errors.Join(errs...)
}

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

// errUnknownKey is wrapped by the error of a key that a table does not have.
var errUnknownKey = errors.New("unknown key")

// unknownTableKey is such an error, with a suggestion.
type unknownTableKey struct{ suggestion string }

func (e unknownTableKey) Error() string { return errUnknownKey.Error() + e.suggestion }
func (e unknownTableKey) Unwrap() error { return errUnknownKey }

func (l tableList[T]) decode(i int, table map[string]any) (t T, errs []error) {
	keys := l.keys(&t)
	for _, key := range sortedKeys(table) {
		name := strings.ToLower(key)
		k := slices.IndexFunc(keys, func(o option) bool { return o.name == name })
		if k < 0 {
			if !slices.Contains(l.ignored, name) {
				errs = append(errs, &tableError{i, name, unknownTableKey{suggestion(name, namesOf(keys))}})
			}
			continue
		}
		err := keys[k].value.setTOML(table[key])
		if err == nil {
			err = keys[k].checkValue()
		}
		if err != nil {
			errs = append(errs, &tableError{i, name, err})
		}
	}
	if len(errs) == 0 {
		if key, err := l.check(&t); err != nil {
			errs = append(errs, &tableError{i, key, err})
		}
	}
	return t, errs
}

func namesOf(options []option) []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	return names
}
