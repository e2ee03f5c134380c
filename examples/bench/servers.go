package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/goatee-sync/goatee/internal/testservers"
)

// servers are what the measured processes talk to. Each is a process of its own.
type servers struct {
	program  string // this one
	mongo    *testservers.Mongo
	client   *mongo.Client
	elastic  *testservers.Elastic // nil until a row needs it
	null     *exec.Cmd
	nullStop io.Closer
	nullURL  string
}

// startServers starts a mongod that keeps everything in its cache, and a null Elasticsearch.
func startServers(ctx context.Context) (*servers, error) {
	s := &servers{}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *servers) start(ctx context.Context) (err error) {
	if s.program, err = os.Executable(); err != nil {
		return err
	}
	if s.mongo, err = testservers.StartMongo(ctx, testservers.OplogMB(4096)); err != nil {
		return err
	}
	if s.client, err = mongo.Connect(ctx, options.Client().ApplyURI(s.mongo.URI())); err != nil {
		return err
	}
	cache := bson.D{{Key: "setParameter", Value: 1}, {Key: "wiredTigerEngineRuntimeConfig", Value: "cache_size=3G"}}
	if err := s.client.Database("admin").RunCommand(ctx, cache).Err(); err != nil {
		return err
	}
	return s.startNull()
}

func (s *servers) startNull() error {
	s.null = exec.Command(s.program, commandNull)
	s.null.Stderr = os.Stderr
	in, err := s.null.StdinPipe()
	if err != nil {
		return err
	}
	out, err := s.null.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.null.Start(); err != nil {
		return err
	}
	s.nullStop = in
	line, err := bufio.NewReader(out).ReadString('\n')
	s.nullURL = strings.TrimSpace(line)
	return err
}

func (s *servers) close() error {
	var errs []error
	if s.nullStop != nil {
		errs = append(errs, s.nullStop.Close(), s.null.Wait())
	}
	if s.client != nil {
		errs = append(errs, s.client.Disconnect(context.Background()))
	}
	if s.elastic != nil {
		errs = append(errs, s.elastic.Close())
	}
	if s.mongo != nil {
		errs = append(errs, s.mongo.Close())
	}
	return errors.Join(errs...)
}

// nullSeen returns what the null Elasticsearch has seen since it was asked last.
func (s *servers) nullSeen(ctx context.Context) (seen nullSeen, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.nullURL+nullReport, nil)
	if err != nil {
		return seen, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return seen, err
	}
	defer resp.Body.Close()
	return seen, json.NewDecoder(resp.Body).Decode(&seen)
}

// load is CPU time, in seconds, that has been used since some point in the past.
type load struct {
	mongod, null, machine float64
}

// load returns how much CPU the servers and the whole machine have used.
func (s *servers) load(ctx context.Context) (l load, err error) {
	var status struct {
		ExtraInfo struct {
			User   float64 `bson:"user_time_us"`
			System float64 `bson:"system_time_us"`
		} `bson:"extra_info"`
	}
	command := bson.D{{Key: "serverStatus", Value: 1}}
	if err := s.client.Database("admin").RunCommand(ctx, command).Decode(&status); err != nil {
		return l, err
	}
	l.mongod = (status.ExtraInfo.User + status.ExtraInfo.System) / 1e6
	if l.null, err = processSeconds(s.null.Process.Pid); err != nil {
		return l, err
	}
	l.machine, err = machineSeconds()
	return l, err
}

// ticks is how many units of /proc make a second on every Linux there is.
const ticks = 100

// processSeconds returns the user and system time of a process.
func processSeconds(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may hold anything.
	_, rest, _ := strings.Cut(string(stat), ") ")
	var user, system float64
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("malformed %q", stat)
	}
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return (user + system) / ticks, nil
}

// machineSeconds returns how long the cores have been busy, all together.
func machineSeconds() (float64, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	var user, nice, system, idle, wait, irq, softirq, steal float64
	line, _, _ := strings.Cut(string(stat), "\n")
	_, err = fmt.Sscanf(line, "cpu %f %f %f %f %f %f %f %f", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal)
	return (user + nice + system + irq + softirq + steal) / ticks, err
}
