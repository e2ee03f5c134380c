package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/goatee-sync/goatee/examples/cmd/config"
)

// command is a subcommand: what the program does instead of running as the daemon. It takes the daemon's settings too.
type command struct {
	name string
	// usage is its flags on one line, summary what it does in a sentence, example a command line that works.
	usage, summary, example string
	// flags adds flags of its own, which hide the daemon's of the same name.
	flags func(*flag.FlagSet)
	// run writes results to out and returns the exit code, or an error, for which the exit code is failure.
	run func(ctx context.Context, s *session, out io.Writer) (code int, err error)
	// failure is the exit code of an error. Default: exitFailure.
	failure int
}

// session is what a subcommand works with.
type session struct {
	config *config.Config
	logger *slog.Logger
	// console is where logs go and a status line may be shown.
	console *console
}

// commands are all subcommands.
func commands() []*command {
	return []*command{dryRunCommand(), historyCommand()}
}

// findCommand returns the subcommand that a command line begins with, and the arguments for it; nil for the daemon.
func findCommand(args []string, all []*command) (*command, []string) {
	if len(args) == 0 {
		return nil, args
	}
	for _, cmd := range all {
		if args[0] == cmd.name {
			return cmd, args[1:]
		}
	}
	return nil, args
}

// help describes the command, before its flags are listed.
func (c *command) help(out io.Writer) {
	fmt.Fprintf(out, "goatee %s %s\n\n%s\n\nExample:\n\n  %s\n\n", c.name, c.usage, c.summary, c.example)
}

// listCommands describes all commands in a line each.
func listCommands(out io.Writer, all []*command) {
	if len(all) == 0 {
		return
	}
	fmt.Fprint(out, "Without a command it follows MongoDB until it is stopped. The commands:\n\n")
	for _, c := range all {
		fmt.Fprintf(out, "  %-10s %s\n", c.name, strings.TrimSuffix(c.summary, "."))
	}
	fmt.Fprint(out, "\n`goatee COMMAND -help` describes one.\n\n")
}

// execute runs the command until it has ended or a signal comes.
func (c *command) execute(cfg *config.Config, stdout, stderr io.Writer) int {
	console := newConsole(stderr)
	s := &session{config: cfg, logger: newLogger(console, cfg.Verbose), console: console}
	for _, warning := range cfg.Warnings {
		s.logger.Warn(warning)
	}
	ctx, stop := untilSignal(context.Background(), s.logger)
	defer stop()
	code, err := c.run(ctx, s, stdout)
	if err != nil {
		s.logger.Error(c.name+" failed", "error", err)
		return max(c.failure, exitFailure)
	}
	return code
}
