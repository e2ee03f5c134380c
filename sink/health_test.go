package sink

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
)

func TestStateChangesAreReportedOnce(t *testing.T) {
	var log bytes.Buffer
	var seen []error
	h := newHealth("elasticsearch", slog.New(slog.NewTextHandler(&log, nil)),
		&goatee.Observer{State: func(s goatee.StateInfo) { seen = append(seen, s.Err) }})
	a, b, c := run{health: h}, run{health: h}, run{health: h}
	boom := errors.New("boom")
	a.failed(boom, false)
	b.failed(errors.New("other"), false)
	a.failed(boom, false)
	require.Equal(t, []error{boom}, seen)
	c.worked()
	a.worked()
	require.Equal(t, []error{boom}, seen, "one of the writes still fails")
	b.end()
	require.Equal(t, []error{boom}, seen, "a write that was cancelled does not mean that the server is well")
	c.worked()
	c.worked()
	require.Equal(t, []error{boom, nil}, seen)
	require.Equal(t, 2, strings.Count(log.String(), "\n"), "%s", &log)
	require.Contains(t, log.String(), "boom")
}

func TestBusyIsNewsWhenItLasts(t *testing.T) {
	var seen []error
	h := newHealth("elasticsearch", nil, &goatee.Observer{State: func(s goatee.StateInfo) { seen = append(seen, s.Err) }})
	r := run{health: h}
	for range busyAttempts - 1 {
		r.failed(errors.New("429"), true)
	}
	require.Empty(t, seen)
	r.failed(errors.New("429"), true)
	require.Len(t, seen, 1)
	r.worked()
	require.Len(t, seen, 2)
}

func TestAnObserverThatPanicsHarmsNobody(t *testing.T) {
	var log bytes.Buffer
	h := newHealth("elasticsearch", slog.New(slog.NewTextHandler(&log, nil)),
		&goatee.Observer{State: func(goatee.StateInfo) { panic("boom") }})
	r := run{health: h}
	r.failed(errors.New("no answer"), false)
	r.worked()
	require.Contains(t, log.String(), "the observer panicked")
}
