package goateetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/goatee-sync/goatee"
)

// rounds is how many goroutines call the transformer at a time.
const rounds = 8

// Deterministic checks that a transformer gives the same actions, or the same errors, for the same changes: called
// twice, called change by change instead of as a batch, and called from several goroutines. goatee relies on all of it:
// changes are read again after a crash, and lanes run at the same time. Run the test with -race.
func Deterministic(t testing.TB, tr goatee.Transformer, changes ...*goatee.Change) {
	t.Helper()
	want := outcome(tr, changes)
	report := func(how, got string) {
		t.Helper()
		if got != want {
			t.Errorf("the transformer is not deterministic: %s\nfirst:\n%s\nthen:\n%s", how, want, got)
		}
	}
	report("a second call differs", outcome(tr, changes))
	var single strings.Builder
	for _, c := range changes {
		single.WriteString(outcome(tr, []*goatee.Change{c}))
	}
	report("change by change differs from the batch", single.String())
	got := make([]string, rounds)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i] = outcome(tr, changes) })
	}
	wg.Wait()
	for _, g := range got {
		report("concurrent calls differ", g)
	}
}

// outcome is what a transformer makes of changes as text, errors included.
func outcome(tr goatee.Transformer, changes []*goatee.Change) string {
	items, err := Run(context.Background(), tr, changes...)
	if err != nil {
		return fmt.Sprintln("error:", err)
	}
	var text []byte
	e := newEncoder()
	for i := range items {
		if err := items[i].Err; errors.Is(err, goatee.ErrPanic) {
			text = fmt.Appendln(text, "error:", goatee.ErrPanic) // its stack depends on the caller
			continue
		} else if err != nil {
			text = fmt.Appendln(text, "error:", err)
			continue
		}
		for j := range items[i].Actions {
			if text, err = appendAction(text, e, &items[i].Actions[j]); err != nil {
				text = fmt.Appendln(text, "error:", err)
			}
		}
	}
	return string(text)
}
