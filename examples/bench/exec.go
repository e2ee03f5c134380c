package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// child is a process that does a job.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *json.Decoder
	live   bool // it works until it is stopped
	before load
	began  time.Time
}

// startChild starts a process for the job.
func (s *servers) startChild(ctx context.Context, j *job) (*child, error) {
	c := &child{live: j.Documents == 0, cmd: exec.CommandContext(ctx, s.program, commandChild)}
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	if c.before, err = s.load(ctx); err != nil {
		return nil, err
	}
	c.began = time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	return c, json.NewEncoder(c.in).Encode(j)
}

// waitReady waits until the process says that it misses nothing from now on.
func (c *child) waitReady() error {
	var m message
	if err := c.out.Decode(&m); err != nil {
		return err
	}
	if !m.Ready {
		return errors.New(m.Error)
	}
	return nil
}

// wait waits for the end of the process, which it stops if nothing else does, and returns what was measured, for a number of documents.
func (c *child) wait(ctx context.Context, s *servers, documents int) (sample, error) {
	if c.live {
		_ = c.in.Close() // if the process is gone already, the next line says so
	}
	var m message
	for m.Elapsed == 0 && m.Error == "" {
		if err := c.out.Decode(&m); err != nil {
			return sample{}, errors.Join(fmt.Errorf("the measured process ended early: %w", err), c.cmd.Wait())
		}
	}
	_ = c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		return sample{}, err
	}
	if m.Error != "" {
		return sample{}, errors.New(m.Error)
	}
	took := time.Since(c.began)
	after, err := s.load(ctx)
	if err != nil {
		return sample{}, err
	}
	cpu := (c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()).Seconds()
	mongod, null := after.mongod-c.before.mongod, after.null-c.before.null
	n := float64(documents)
	return sample{
		Rate:    n / m.Elapsed.Seconds(),
		CPU:     cpu / n * 1e6,
		RSS:     float64(m.PeakRSS) / (1 << 20),
		Allocs:  float64(m.Mallocs) / n,
		MongoDB: mongod / n * 1e6,
		Others: max(0, 100*(after.machine-c.before.machine-cpu-mongod-null)/
			(took.Seconds()*float64(runtime.NumCPU()))),
	}, nil
}

// runJob runs a job from start to end.
func (s *servers) runJob(ctx context.Context, j *job) (sample, error) {
	c, err := s.startChild(ctx, j)
	if err != nil {
		return sample{}, err
	}
	return c.wait(ctx, s, j.Documents)
}
