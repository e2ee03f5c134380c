package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// binarySet builds the daemon, with and without the race detector, when a test first asks for it.
type binarySet struct {
	mu  sync.Mutex
	dir string
}

var binaries binarySet

// daemon returns the daemon's path.
func (b *binarySet) daemon(t testing.TB, race bool) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "goatee-e2e-*")
		require.NoError(t, err)
		b.dir = dir
	}
	path := filepath.Join(b.dir, fmt.Sprintf("goatee-race-%t", race))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	build := exec.Command("go", "build", fmt.Sprintf("-race=%t", race), "-o", path, "../cmd")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "go build: %s", output)
	return path
}

func (b *binarySet) remove() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}
