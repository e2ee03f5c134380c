package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// pipeline is something to measure.
type pipeline func(ctx context.Context, j *job, client *mongo.Client, clock *clock) error

// clock is what a pipeline tells about its progress.
type clock struct {
	// ready says that no later change will be missed.
	ready func()
	began time.Time
}

// restart says that what has been done until now was preparation.
func (c *clock) restart() { c.began = time.Now() }

func pipelines() map[string]pipeline {
	return map[string]pipeline{
		"goatee-read":   goateeRead,
		"goatee-follow": goateeFollow,
		"ceiling-read":  ceilingRead,
		"posting-read":  postingRead,
		"mapping-read":  mappingRead,
		"ceiling-tail":  ceilingFollow,
		"raw-tail":      rawFollow,
		"hand-read":     handRead,
		"hand-follow":   handFollow,
		"bodies":        postBodies,
	}
}

// runChild does the job that is the first line of in, until it is done or in ends.
func runChild(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	answer := json.NewEncoder(out)
	m, err := do(ctx, &j, &clock{ready: func() { _ = answer.Encode(message{Ready: true}) }})
	if err != nil {
		m = message{Error: err.Error()}
	}
	return answer.Encode(m)
}

// do runs the pipeline and measures it.
func do(ctx context.Context, j *job, clock *clock) (message, error) {
	run, ok := pipelines()[j.Pipeline]
	if !ok {
		return message{}, fmt.Errorf("no pipeline %q", j.Pipeline)
	}
	stop, err := profile(j.Profile)
	if err != nil {
		return message{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	clock.restart()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(j.MongoURI))
	if err != nil {
		return message{}, err
	}
	if err := run(ctx, j, client, clock); err != nil {
		return message{}, fmt.Errorf("%s: %w", j.Pipeline, err)
	}
	ended := time.Now()
	runtime.ReadMemStats(&after)
	if err := stop(); err != nil {
		return message{}, err
	}
	rss, err := peakRSS()
	if err != nil {
		return message{}, err
	}
	return message{
		Elapsed: ended.Sub(clock.began), Mallocs: after.Mallocs - before.Mallocs, PeakRSS: rss,
	}, client.Disconnect(context.WithoutCancel(ctx))
}

// profile starts a CPU profile; stop ends it and writes the allocations beside it.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	cpu, err := os.Create(path + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(err, cpu.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		allocs, err := os.Create(path + ".allocs.pprof")
		if err != nil {
			return errors.Join(err, cpu.Close())
		}
		return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close(), cpu.Close())
	}, nil
}

// peakRSS returns the most memory this process has had. It is not what wait4 reports, which begins with the memory of
// the process that started this one.
func peakRSS() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("peak memory is known on Linux only: %w", err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	value, _, _ := bytes.Cut(rest, []byte("kB"))
	kb, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
	return kb << 10, err
}
