// Command cmd starts a MongoDB replica set and an Elasticsearch, unless GOATEE_MONGODB_URI and GOATEE_ELASTICSEARCH_URL
// name servers that run already.
//
//	go run ./internal/testservers/cmd                     # prints the addresses and waits for Ctrl-C
//	go run ./internal/testservers/cmd -- go test ./...    # runs a command that finds them in those two variables
//
// With a command it ends with that command's exit code. The servers and their data end with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/goatee-sync/goatee/internal/testservers"
)

type config struct {
	members     int
	mongoPort   int
	elasticPort int
	heap        string
}

func main() {
	var cfg config
	flag.IntVar(&cfg.members, "members", 1, "members of the replica set")
	flag.IntVar(&cfg.mongoPort, "mongodb-port", 0, "port of the first member; 0 takes a free one")
	flag.IntVar(&cfg.elasticPort, "elasticsearch-port", 0, "port of Elasticsearch; 0 takes a free one")
	flag.StringVar(&cfg.heap, "heap", "512m", "heap of Elasticsearch")
	flag.Parse()
	code, err := run(cfg, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// run returns the exit code.
func run(cfg config, command []string) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	fmt.Fprintln(os.Stderr, "starting MongoDB and Elasticsearch (the first time they are downloaded, about 80 MB)")
	mongo, err := testservers.FindOrStartMongo(ctx,
		testservers.Members(cfg.members), testservers.MongoPort(cfg.mongoPort))
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, mongo.Close()) }()
	elastic, err := testservers.FindOrStartElastic(ctx,
		testservers.Heap(cfg.heap), testservers.ElasticPort(cfg.elasticPort))
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, elastic.Close()) }()

	variables := []string{
		testservers.EnvMongoDB + "=" + mongo.URI(),
		testservers.EnvElasticsearch + "=" + elastic.URL(),
	}
	if len(command) > 0 {
		stop()
		return runCommand(command, variables)
	}
	for _, variable := range variables {
		fmt.Printf("export '%s'\n", variable)
	}
	fmt.Fprintln(os.Stderr, "both are ready; Ctrl-C stops what was started and removes its data")
	<-ctx.Done()
	return 0, nil
}

// runCommand runs the command with the variables in its environment and returns its exit code.
func runCommand(command, variables []string) (code int, err error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), variables...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return exitCode(err)
		case got := <-signals:
			// The terminal sends its interrupt to the command as well.
			if got == syscall.SIGTERM {
				_ = cmd.Process.Signal(got)
			}
		}
	}
}

func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	default:
		return 1, err
	}
}
