package main

import (
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/term"
)

// console is where log lines and a status line meet: on a terminal the status is taken away before each line of the log
// and drawn again below it. It is safe for concurrent use.
type console struct {
	terminal bool

	mu     sync.Mutex
	out    io.Writer
	status string
}

const clearLine = "\r\x1b[K"

func newConsole(out io.Writer) *console {
	file, ok := out.(*os.File)
	return &console{out: out, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// Write writes a line of the log.
func (c *console) Write(line []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status == "" {
		return c.out.Write(line)
	}
	text := append([]byte(clearLine), line...)
	if _, err := c.out.Write(append(text, c.status...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// setStatus shows a line at the bottom of a terminal, or takes it away when it is empty.
func (c *console) setStatus(status string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if status == c.status {
		return
	}
	c.status = status
	_, _ = io.WriteString(c.out, clearLine+status)
}

// newLogger returns a logger of one line per event.
func newLogger(out io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: translateErrors}))
}
