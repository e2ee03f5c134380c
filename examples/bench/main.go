package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
)

// The subcommands by which the program starts itself.
const (
	commandChild = "child"
	commandNull  = "null"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case commandChild:
			return runChild(os.Stdin, os.Stdout)
		case commandNull:
			return runNull(os.Stdin, os.Stdout)
		}
	}
	s, err := parseSettings(args, os.Stderr)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return drive(ctx, s, os.Stdout)
}

// settings are those of the command line.
type settings struct {
	runs      int
	quick     bool
	rows      *regexp.Regexp
	pipelines *regexp.Regexp
	profiles  string
	json      string
}

func parseSettings(args []string, out io.Writer) (*settings, error) {
	s := &settings{}
	var rows, pipelines string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&s.runs, "runs", 5, "runs of each pipeline; the table shows medians")
	flags.BoolVar(&s.quick, "quick", false, "a twentieth of the documents, one run")
	flags.StringVar(&rows, "rows", "", "only rows whose name matches this expression")
	flags.StringVar(&pipelines, "pipelines", "", "only pipelines whose name matches this expression")
	flags.StringVar(&s.profiles, "cpuprofile", "", "write CPU and allocation profiles of goatee to this directory")
	flags.StringVar(&s.json, "json", "", "write all figures of all runs to this file")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.runs < 1 {
		return nil, fmt.Errorf("-runs %d: want at least 1", s.runs)
	}
	if s.quick {
		s.runs = 1
	}
	var err error
	if s.rows, err = regexp.Compile(rows); err != nil {
		return nil, fmt.Errorf("-rows: %w", err)
	}
	if s.pipelines, err = regexp.Compile(pipelines); err != nil {
		return nil, fmt.Errorf("-pipelines: %w", err)
	}
	return s, nil
}
