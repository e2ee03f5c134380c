package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"
)

// settings are the keys of a configuration file.
type settings map[string]any

// with returns a copy with some keys set.
func (s settings) with(more settings) settings {
	all := settings{}
	for _, part := range []settings{s, more} {
		for key, value := range part {
			all[key] = value
		}
	}
	return all
}

// daemon is a running goatee.
type daemon struct {
	cmd    *exec.Cmd
	output *output
	ended  chan struct{} // closed when the process is gone
	killed bool          // by the test, as it meant to
}

// output is what a daemon has written so far, to both of its streams.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startDaemon starts goatee with a configuration file. It is killed at the end of the test at the latest; if the test
// fails, the output of one that was not killed is shown.
func startDaemon(t testing.TB, s settings) *daemon {
	t.Helper()
	return startBinary(t, binaries.daemon(t, raceEnabled), s)
}

func startBinary(t testing.TB, binary string, s settings) *daemon {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, toml.NewEncoder(file).Encode(map[string]any(s)))
	require.NoError(t, file.Close())

	d := &daemon{cmd: exec.Command(binary, "-f", path), output: &output{}, ended: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = d.output, d.output
	d.cmd.SysProcAttr = noOrphans()
	require.NoError(t, d.cmd.Start())
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait()
	}()
	t.Cleanup(func() { d.cleanUp(t) })
	return d
}

func (d *daemon) cleanUp(t testing.TB) {
	killed := d.killed
	d.kill()
	text := d.output.String()
	if strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
		t.Error("the daemon has a data race or panicked")
	}
	if t.Failed() && !killed {
		t.Logf("output of the daemon:\n%s", shorten(text))
	}
}

// shorten leaves the beginning and the end of a long text.
func shorten(text string) string {
	const most = 8 << 10
	if len(text) <= 2*most {
		return text
	}
	return text[:most] + "\n…\n" + text[len(text)-most:]
}

// kill ends the daemon at once.
func (d *daemon) kill() {
	d.killed = true
	_ = d.cmd.Process.Kill()
	<-d.ended
}

// terminate asks the daemon to stop and returns its exit code.
func (d *daemon) terminate(t testing.TB) int {
	t.Helper()
	require.NoError(t, d.cmd.Process.Signal(syscall.SIGTERM))
	return d.wait(t)
}

// wait waits until the daemon ends by itself and returns its exit code.
func (d *daemon) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		// The stacks say where it hangs.
		_ = d.cmd.Process.Signal(syscall.SIGQUIT)
		<-d.ended
		t.Fatalf("the daemon did not end:\n%s", shorten(d.output.String()))
	}
	return d.cmd.ProcessState.ExitCode()
}

// requireRunning fails the test if the daemon has ended.
func (d *daemon) requireRunning(t testing.TB) {
	t.Helper()
	select {
	case <-d.ended:
		t.Fatalf("the daemon ended with code %d", d.cmd.ProcessState.ExitCode())
	default:
	}
}

// rss returns the daemon's resident memory in bytes.
func (d *daemon) rss(t testing.TB) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	require.NoError(t, err)
	match := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, match, "%s", status)
	kb, err := strconv.ParseInt(string(match[1]), 10, 64)
	require.NoError(t, err)
	return kb << 10
}

// mark remembers a point of the output.
func (d *daemon) mark() int { return len(d.output.String()) }

// linesSince returns the lines written since a mark that match a pattern.
func (d *daemon) linesSince(mark int, pattern string) []string {
	match := regexp.MustCompile(pattern)
	var lines []string
	for line := range strings.Lines(d.output.String()[mark:]) {
		if match.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}
