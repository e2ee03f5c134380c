package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value is a field of Config that can be set from texts (a flag, a variable) or from what the TOML decoder made of it. An
// empty text, 0 and an empty list stand for what the field was when it was bound: the default. Errors say what is wanted
// and do not repeat the value, which may be a secret.
type value interface {
	// set replaces the value; only lists take more than one text.
	set(texts []string) error
	// setTOML replaces the value by a bool, int64, float64, string, []any, map[string]any or []map[string]any.
	setTOML(v any) error
	// get returns the value as a bool, int64, string, []string, []Mapping or []relate.Relation.
	get() any
	// isBool says that a flag needs no value.
	isBool() bool
}

// anyNumber is the least value of a number without limit.
const anyNumber = math.MinInt

var (
	errText     = errors.New(`want a text, such as "shop"`)
	errTexts    = errors.New(`want a list of texts, such as ["shop.orders"]`)
	errBool     = errors.New("want true or false")
	errNumber   = errors.New("want a whole number")
	errDuration = errors.New(`want a positive duration, such as "30s" or "5m"`)
)

// single is a value of one text or one TOML scalar.
type single[T comparable] struct {
	target *T
	// initial replaces the zero value, if that is not a value of its own.
	initial T
	parse   func(text string) (T, error)
	decode  func(v any) (T, error)
	show    func(T) any
	flag    bool
}

func (s single[T]) set(texts []string) error {
	return s.assign(s.parse(texts[len(texts)-1]))
}

func (s single[T]) setTOML(v any) error {
	return s.assign(s.decode(v))
}

func (s single[T]) assign(v T, err error) error {
	if err != nil {
		return err
	}
	var zero T
	if v == zero {
		v = s.initial
	}
	*s.target = v
	return nil
}

func (s single[T]) get() any     { return s.show(*s.target) }
func (s single[T]) isBool() bool { return s.flag }

func text(target *string) value {
	return single[string]{
		target: target, initial: *target,
		parse:  func(text string) (string, error) { return text, nil },
		decode: as[string](errText),
		show:   func(s string) any { return s },
	}
}

func toggle(target *bool) value {
	return single[bool]{
		target: target,
		parse: func(text string) (bool, error) {
			b, err := strconv.ParseBool(text)
			if err != nil {
				return false, errBool
			}
			return b, nil
		},
		decode: as[bool](errBool),
		show:   func(b bool) any { return b },
		flag:   true,
	}
}

// count is a whole number from 0 to most, where 0 has a meaning of its own.
func count(target *int, most int) value {
	v := numberBetween(target, 0, most).(single[int])
	v.initial = 0
	return v
}

// number is a whole number not below least.
func number(target *int, least int) value { return numberBetween(target, least, math.MaxInt) }

func numberBetween(target *int, least, most int) value {
	return integer(target, func(n int64) error {
		if n < int64(least) {
			return fmt.Errorf("must not be below %d", least)
		}
		if n > int64(most) {
			return fmt.Errorf("must not be above %d", most)
		}
		return nil
	})
}

// number64 is a whole number of 64 bits that is not negative.
func number64(target *int64) value {
	return integer(target, func(n int64) error {
		if n < 0 {
			return errors.New("must not be negative")
		}
		return nil
	})
}

// choice is one of a few numbers.
func choice(target *int, choices ...int) value {
	return integer(target, func(n int64) error {
		if !slices.Contains(choices, int(n)) {
			return fmt.Errorf("want one of %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(choices), " ", ", "), "[]"))
		}
		return nil
	})
}

func integer[T int | int64](target *T, check func(int64) error) value {
	accept := func(n int64, err error) (T, error) {
		if err != nil {
			return 0, errNumber
		}
		if n == 0 {
			return 0, nil
		}
		return T(n), check(n)
	}
	return single[T]{
		target: target, initial: *target,
		parse:  func(text string) (T, error) { return accept(strconv.ParseInt(text, 10, 64)) },
		decode: func(v any) (T, error) { return accept(as[int64](errNumber)(v)) },
		show:   func(n T) any { return int64(n) },
	}
}

func duration(target *time.Duration) value {
	parse := func(text string) (time.Duration, error) {
		if text == "" {
			return 0, nil
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return 0, errDuration
		}
		return d, nil
	}
	return single[time.Duration]{
		target: target, initial: *target,
		parse: parse,
		decode: func(v any) (time.Duration, error) {
			text, err := as[string](errDuration)(v)
			if err != nil {
				return 0, err
			}
			return parse(text)
		},
		show: func(d time.Duration) any { return d.String() },
	}
}

// as returns a func that gives v its type back, or fails with err.
func as[T any](err error) func(v any) (T, error) {
	return func(v any) (T, error) {
		t, ok := v.(T)
		if !ok {
			return t, err
		}
		return t, nil
	}
}

type texts struct {
	target  *[]string
	initial []string
}

func list(target *[]string) value { return texts{target, *target} }

func (l texts) set(texts []string) error {
	*l.target = slices.Clone(texts)
	if len(texts) == 0 {
		*l.target = slices.Clone(l.initial)
	}
	return nil
}

func (l texts) setTOML(v any) error {
	items, err := as[[]any](errTexts)(v)
	if err != nil {
		return err
	}
	var result []string
	for _, item := range items {
		text, err := as[string](errTexts)(item)
		if err != nil {
			return err
		}
		result = append(result, text)
	}
	return l.set(result)
}

func (l texts) get() any     { return *l.target }
func (l texts) isBool() bool { return false }

// unique leaves out what the list has already named, and returns it.
func (l texts) unique() (repeated []string) {
	var items []string
	for _, item := range *l.target {
		if slices.Contains(items, item) {
			repeated = append(repeated, item)
		} else {
			items = append(items, item)
		}
	}
	*l.target = items
	return repeated
}
