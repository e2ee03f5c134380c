package testservers

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

// sleeper returns a process that does nothing until it is killed.
func sleeper(t *testing.T, dir string) *process {
	p := &process{name: "sleeper", dir: dir, argv: []string{"sleep", "1000"}}
	require.NoError(t, p.start())
	t.Cleanup(func() { require.NoError(t, p.kill()) })
	return p
}

func TestServerEndsWithItsOwner(t *testing.T) {
	owner := exec.Command("sleep", "1000")
	require.NoError(t, owner.Start())
	path := filepath.Join(t.TempDir(), "run", "server")
	require.NoError(t, os.MkdirAll(path, 0o700))
	dir, err := guardDir(path, owner.Process.Pid)
	require.NoError(t, err)
	server := &process{name: "server", dir: path, argv: []string{"sleep", "1000"}}
	require.NoError(t, server.start())
	require.Eventually(t, func() bool { return exists(server.pidPath()) }, patience, 10*time.Millisecond)

	require.NoError(t, owner.Process.Kill())
	require.Eventually(t, func() bool { return reap(server.pid, syscall.WNOHANG) }, patience, 10*time.Millisecond,
		"not even an owner that nobody waits for keeps the server alive")
	require.Eventually(t, func() bool { return !exists(path) }, patience, 10*time.Millisecond)
	reap(dir.guard, 0)
	require.Error(t, owner.Wait())
}

func TestServerThatDiesIsNoticed(t *testing.T) {
	p := &process{name: "server", dir: t.TempDir(), argv: []string{"/bin/sh", "-c", "echo broken; exit 1"}}
	require.NoError(t, p.start())
	var err error
	require.Eventually(t, func() bool { err = p.failed(); return err != nil }, patience, 10*time.Millisecond)
	require.ErrorContains(t, err, "broken")
	require.False(t, p.running())
}

func TestPausedServerStops(t *testing.T) {
	p := sleeper(t, t.TempDir())
	require.NoError(t, p.signal(syscall.SIGSTOP))
	require.NoError(t, p.stop())
	require.False(t, p.running())
	require.NoError(t, p.stop(), "stopping again does nothing")
}

func TestStartTwiceIsRefused(t *testing.T) {
	p := sleeper(t, t.TempDir())
	require.ErrorContains(t, p.start(), "runs already")
}

func TestPortsAreChosenAgainWhenTaken(t *testing.T) {
	tests := []struct {
		name  string
		fixed bool
		want  int
	}{
		{"free choice", false, 5},
		{"fixed", true, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			attempts := 0
			err := retryPorts(test.fixed, func() error { attempts++; return errPortTaken })
			require.ErrorIs(t, err, errPortTaken)
			require.Equal(t, test.want, attempts)
		})
	}
}

func TestFixedPortInUseIsSaid(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	_, err = StartMongo(t.Context(), MongoPort(port))
	require.ErrorIs(t, err, errPortTaken)
	_, err = StartElastic(t.Context(), ElasticPort(port))
	require.ErrorIs(t, err, errPortTaken)
}

func TestSharedServerIsStartedOnceAndAgainWhenItDied(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var server net.Listener
	starts := 0
	start := func(*workdir) (string, error) {
		starts++
		var err error
		server, err = net.Listen("tcp", "127.0.0.1:0")
		return "tcp://" + server.Addr().String(), err
	}
	first, err := shared(t.Context(), "thing", start)
	require.NoError(t, err)
	again, err := shared(t.Context(), "thing", start)
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Equal(t, 1, starts)

	require.NoError(t, server.Close())
	_, err = shared(t.Context(), "thing", start)
	require.NoError(t, err)
	require.Equal(t, 2, starts)
	require.NoError(t, server.Close())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
