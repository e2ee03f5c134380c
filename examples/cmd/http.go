package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/bson/primitive"

	"github.com/goatee-sync/goatee"
	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// status answers the HTTP requests about the daemon.
type status struct {
	config  *config.Config
	stats   func() goatee.Stats
	pulse   *pulse
	started time.Time
}

func (s *status) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/started", s.uptime)
	mux.HandleFunc("/healthz", s.healthz)
	mux.HandleFunc("/ready", s.ready)
	mux.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.counters()) })
	mux.HandleFunc("/instance", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.instance()) })
	if s.config.PProf {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func (s *status) uptime(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, time.Since(s.started))
}

// healthz is for liveness: only what a restart would cure fails it.
func (s *status) healthz(w http.ResponseWriter, _ *http.Request) {
	if err := s.pulse.stuck(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprint(w, "ok")
}

// ready is for readiness: the sync is at work, or ready to take over, and both ends answer.
func (s *status) ready(w http.ResponseWriter, _ *http.Request) {
	st := s.stats()
	standby := s.config.ClusterName != "" && !st.Leading
	switch down := s.pulse.unreachable(); {
	case down != "":
		http.Error(w, "down: "+down, http.StatusServiceUnavailable)
	case standby:
		fmt.Fprint(w, "standby")
	case st.Started.IsZero():
		http.Error(w, "starting", http.StatusServiceUnavailable)
	default:
		fmt.Fprint(w, "ok")
	}
}

// counters are the Stats, whose errors name the daemon's keys.
func (s *status) counters() goatee.Stats {
	st := s.stats()
	for i := range st.Sources {
		st.Sources[i].Error = translate(st.Sources[i].Error)
	}
	return st
}

// instance has the shape that Monstache's users read.
type instance struct {
	Enabled      bool      `json:"enabled"`
	PID          int       `json:"pid"`
	Hostname     string    `json:"hostname"`
	Cluster      string    `json:"cluster"`
	ResumeName   string    `json:"resumeName"`
	LastTS       timestamp `json:"lastTs"`
	LastTSFormat string    `json:"lastTsFormat,omitempty"`
	InBackoff    bool      `json:"inBackoff,omitempty"`
}

type timestamp struct{ T, I uint32 }

func (s *status) instance() instance {
	st := s.stats()
	hostname, _ := os.Hostname() // empty when the system has none
	result := instance{
		Enabled:    st.Leading,
		PID:        os.Getpid(),
		Hostname:   hostname,
		Cluster:    s.config.ClusterName,
		ResumeName: resumeName(s.config),
		InBackoff:  strings.Contains(s.pulse.unreachable(), "elasticsearch"),
	}
	if last := lastApplied(st); !last.IsZero() {
		result.LastTS = timestamp(last)
		result.LastTSFormat = time.Unix(int64(last.T), 0).Format("2006-01-02T15:04:05")
	}
	return result
}

// lastApplied is the newest cluster time that a change stream has wholly brought to Elasticsearch.
func lastApplied(st goatee.Stats) primitive.Timestamp {
	var last primitive.Timestamp
	for _, src := range st.Sources {
		if !src.DirectRead && src.AppliedTime.After(last) {
			last = src.AppliedTime
		}
	}
	return last
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "    ")
	_ = enc.Encode(v) // the client has gone
}

// serveHTTP answers at addr until the returned func is called.
func serveHTTP(addr string, h http.Handler, logger *slog.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &goatee.ConfigError{
			Setting: "http-server-addr", Problem: "cannot listen", Remedy: "choose a free address", Err: err,
		}
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			logger.Error("HTTP server ended", "error", err)
		}
	}()
	logger.Info("HTTP server listens", "address", listener.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close() // a request outlasts the daemon
		}
		<-done
	}, nil
}
