// Command cmd is goatee's daemon: it keeps Elasticsearch in step with MongoDB as a TOML file, the environment and flags
// say. CONFIG.md lists the settings, which are those of Monstache. Without any it follows the whole deployment at
// mongodb://localhost:27017 into http://127.0.0.1:9200.
//
//	go run ./examples/cmd -f config.toml
//
// Subcommands, which take the same settings, are listed by -help.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func run(args, environ []string, stdout, stderr io.Writer) int {
	cmd, args := findCommand(args, commands())
	c, err := config.Load(args, environ, flagsOf(cmd, stdout))
	var usage *config.UsageError
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "goatee:", err)
		return exitUsage
	case err != nil:
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(stderr, "goatee:", strings.TrimSpace(line))
		}
		return exitFailure
	case c.ShowVersion:
		fmt.Fprintln(stdout, "goatee", version())
		return exitOK
	case c.PrintConfig:
		return printConfig(c, stdout, stderr)
	case cmd != nil:
		return cmd.execute(c, stdout, stderr)
	}
	return daemon(c, stderr)
}

// flagsOf returns how the command line of a command, or of the daemon, is read and described.
func flagsOf(cmd *command, stdout io.Writer) config.CommandLine {
	if cmd == nil {
		return config.CommandLine{Out: stdout, Help: func(out io.Writer) { listCommands(out, commands()) }}
	}
	return config.CommandLine{Out: stdout, Help: cmd.help, Flags: cmd.flags}
}

func printConfig(c *config.Config, stdout, stderr io.Writer) int {
	for _, warning := range c.Warnings {
		fmt.Fprintln(stderr, "goatee: warning:", warning)
	}
	if err := c.Print(stdout); err != nil {
		fmt.Fprintln(stderr, "goatee:", err)
		return exitFailure
	}
	return exitOK
}

// daemon runs until a signal or the end of the work.
func daemon(c *config.Config, stderr io.Writer) int {
	out := newConsole(stderr)
	logger := newLogger(out, c.Verbose)
	for _, warning := range c.Warnings {
		logger.Warn(warning)
	}
	ctx, stop := untilSignal(context.Background(), logger)
	defer stop()
	if err := serve(ctx, c, logger, out); err != nil {
		logger.Error("stopped", "error", err)
		return exitFailure
	}
	return exitOK
}
