package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// drive starts the servers, measures the rows and prints the table.
func drive(ctx context.Context, s *settings, out io.Writer) (err error) {
	if s.profiles != "" {
		if err := os.MkdirAll(s.profiles, 0o755); err != nil {
			return err
		}
	}
	srv, err := startServers(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	b := &bench{settings: s, servers: srv, log: os.Stderr, made: map[string]bool{}}
	var results []*result
	for _, r := range b.rows() {
		if !s.rows.MatchString(r.name) {
			continue
		}
		res, err := b.run(ctx, r)
		if err != nil {
			writeTable(out, results) // what has been measured is not lost
			return err
		}
		results = append(results, res)
	}
	if len(results) == 0 {
		return errors.New("-rows matches no row")
	}
	fmt.Fprintf(out, "\n%d cores, shared by mongod, the Elasticsearch, this program and the measured process; %s; medians of %d runs\n",
		runtime.NumCPU(), runtime.Version(), s.runs)
	writeTable(out, results)
	return writeJSON(s.json, results)
}

func writeJSON(path string, results []*result) error {
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
