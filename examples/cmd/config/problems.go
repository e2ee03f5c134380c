package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goatee-sync/goatee"
)

// Problems is everything that is wrong with the settings.
type Problems []*goatee.ConfigError

// Error has a line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

// fail notes what is wrong with a setting; origin says where it comes from.
func (s *settings) fail(name, origin string, err error) {
	problem := &goatee.ConfigError{Setting: name + origin, Problem: err.Error()}
	var r *remedyError
	if errors.As(err, &r) {
		problem.Problem, problem.Remedy = r.problem, r.remedy
	}
	s.problems = append(s.problems, problem)
	top, _, _ := strings.Cut(name, ".")
	s.failed[top] = true
}

// warn notes what the operator should know about settings that are accepted.
func (s *settings) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// remedyError is a problem with what to do about it.
type remedyError struct{ problem, remedy string }

func (e *remedyError) Error() string { return e.problem + " (" + e.remedy + ")" }

// tableError is what is wrong with a key of one of several tables.
type tableError struct {
	table int    // from 0
	key   string // empty for the table as a whole
	err   error
}

func (e *tableError) Error() string { return fmt.Sprintf("table %d: %v", e.table+1, e.err) }
func (e *tableError) Unwrap() error { return e.err }
