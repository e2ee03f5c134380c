package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// clock is set by a test.
type clock struct{ now time.Time }

func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func newClock() (*clock, func() time.Time) {
	c := &clock{now: time.Unix(1000, 0)}
	return c, func() time.Time { return c.now }
}

func TestStuckMeansWaitingWithoutAnAcknowledgement(t *testing.T) {
	waiting := goatee.Stats{InFlightBytes: 10}
	for _, tt := range []struct {
		name  string
		steps func(c *clock, p *pulse)
		stuck bool
	}{
		{"idle for hours, then a batch", func(c *clock, p *pulse) {
			c.advance(5 * time.Hour)
			p.look(goatee.Stats{})
			p.look(waiting)
		}, false},
		{"a batch that is never acknowledged", func(c *clock, p *pulse) {
			p.look(waiting)
			c.advance(stuckAfter + time.Second)
			p.look(waiting)
		}, true},
		{"busy, with acknowledgements", func(c *clock, p *pulse) {
			for range 10 {
				c.advance(stuckAfter / 2)
				p.look(goatee.Stats{InFlightBytes: 10, LastAck: c.now})
			}
		}, false},
		{"Elasticsearch is known to be down", func(c *clock, p *pulse) {
			p.observer().State(goatee.StateInfo{Component: "elasticsearch", Err: errors.New("down")})
			c.advance(5 * time.Hour)
			p.look(waiting)
		}, false},
		{"an index takes no writes", func(c *clock, p *pulse) {
			p.look(waiting)
			c.advance(5 * time.Hour)
			p.look(goatee.Stats{InFlightBytes: 10, Waiting: 1, Blocked: []goatee.BlockedStats{{Index: "a"}}})
		}, false},
		{"Elasticsearch is back, and still nothing moves", func(c *clock, p *pulse) {
			p.observer().State(goatee.StateInfo{Component: "elasticsearch", Err: errors.New("down")})
			p.observer().State(goatee.StateInfo{Component: "elasticsearch"})
			c.advance(stuckAfter + time.Second)
			p.look(waiting)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, now := newClock()
			p := newPulse(now)
			tt.steps(c, p)
			require.Equal(t, tt.stuck, p.stuck() != nil)
		})
	}
}

func request(t *testing.T, s *status, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestHealthFailsOnlyWhenStuck(t *testing.T) {
	c, now := newClock()
	s := &status{config: &config.Config{}, stats: func() goatee.Stats { return goatee.Stats{} }, pulse: newPulse(now)}
	code, body := request(t, s, "/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "ok", body)
	c.advance(stuckAfter + time.Second)
	code, body = request(t, s, "/healthz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, "stuck")
}

func TestReadiness(t *testing.T) {
	running := goatee.Stats{Leading: true, Started: time.Unix(1, 0)}
	for _, tt := range []struct {
		name    string
		stats   goatee.Stats
		cluster string
		down    error
		want    int
		body    string
	}{
		{"before the work", goatee.Stats{Leading: true}, "", nil, http.StatusServiceUnavailable, "starting"},
		{"at work", running, "", nil, http.StatusOK, "ok"},
		{"an index takes no writes, a document was refused", goatee.Stats{
			Leading: true, Started: time.Unix(1, 0), DeadLetters: 1, Waiting: 1, Blocked: []goatee.BlockedStats{{Index: "a"}},
		}, "", nil, http.StatusOK, "ok"},
		{"standing by", goatee.Stats{}, "c", nil, http.StatusOK, "standby"},
		{"an end is down", running, "", errors.New("x"), http.StatusServiceUnavailable, "down: elasticsearch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPulse(time.Now)
			p.observer().State(goatee.StateInfo{Component: "elasticsearch", Err: tt.down})
			s := &status{config: &config.Config{ClusterName: tt.cluster}, stats: func() goatee.Stats { return tt.stats }, pulse: p}
			code, body := request(t, s, "/ready")
			require.Equal(t, tt.want, code)
			require.Contains(t, body, tt.body)
		})
	}
}

func TestProfilesOnRequestOnly(t *testing.T) {
	s := &status{config: &config.Config{}, stats: func() goatee.Stats { return goatee.Stats{} }, pulse: newPulse(time.Now)}
	code, _ := request(t, s, "/debug/pprof/")
	require.Equal(t, http.StatusNotFound, code)
}
