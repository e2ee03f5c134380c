package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/goatee-sync/goatee/examples/cmd/config"
)

func TestACommandHasFlagsOfItsOwnBesideTheSettings(t *testing.T) {
	var version int
	cmd := &command{
		name: "history", usage: "-version N", summary: "Shows history.", example: "goatee history -version 1",
		flags: func(fs *flag.FlagSet) { fs.IntVar(&version, "version", 0, "which version") },
	}
	found, args := findCommand([]string{"history", "-version", "3", "-verbose"}, []*command{cmd})
	require.Same(t, cmd, found)

	c, err := config.Load(args, nil, flagsOf(cmd, io.Discard))

	require.NoError(t, err)
	require.Equal(t, 3, version)
	require.True(t, c.Verbose)
	require.False(t, c.ShowVersion)

	var help bytes.Buffer
	_, err = config.Load([]string{"-help"}, nil, flagsOf(cmd, &help))
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, help.String(), "goatee history -version N\n\nShows history.\n\nExample:\n\n  goatee history -version 1\n")
	require.Contains(t, help.String(), "  -version\n\twhich version\n")
	require.Contains(t, help.String(), "  -mongo-url\n")
}

func TestACommandsErrorIsItsExitCode(t *testing.T) {
	c := config.Default()
	for code, cmd := range map[int]*command{
		0: {run: func(context.Context, *session, io.Writer) (int, error) { return 0, nil }},
		1: {run: func(context.Context, *session, io.Writer) (int, error) { return 0, errors.New("no answer") }},
		2: {failure: 2, run: func(context.Context, *session, io.Writer) (int, error) { return 0, errors.New("no answer") }},
	} {
		require.Equal(t, code, cmd.execute(&c, io.Discard, io.Discard))
	}
}
