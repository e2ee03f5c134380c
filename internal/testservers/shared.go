package testservers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// shared returns the address of the server of this name that serves the whole run, and calls start to start it in the
// given folder if none runs yet. The processes of one run find each other by the process that started them.
func shared(ctx context.Context, name string, start func(*workdir) (address string, err error)) (string, error) {
	owner := runOwner()
	path, err := sharedPath(owner, name)
	if err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, filepath.Join(path, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	addressFile := filepath.Join(path, "address")
	address, err := os.ReadFile(addressFile)
	if err == nil && sharedAnswers(string(address)) {
		return string(address), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return startShared(path, addressFile, owner, start)
}

// startShared starts the server in place of one that died or was left half started; the caller holds the lock.
func startShared(path, addressFile string, owner int, start func(*workdir) (string, error)) (string, error) {
	if err := clearShared(path); err != nil {
		return "", err
	}
	dir, err := guardDir(path, owner)
	if err != nil {
		return "", err
	}
	address, err := start(dir)
	if err != nil {
		return "", err
	}
	return address, os.WriteFile(addressFile, []byte(address), 0o600)
}

// clearShared kills what runs in the folder and empties it but for the lock.
func clearShared(path string) error {
	if err := killRecorded(path); err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == "lock" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(path, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// sharedPath makes the folder in which the processes of the owner's run share the server.
func sharedPath(owner int, name string) (string, error) {
	base := filepath.Join(os.TempDir(), fmt.Sprintf("goatee-testservers-%d", os.Getuid()))
	path := filepath.Join(base, strconv.Itoa(owner), name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(base)
	if err != nil {
		return "", err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s belongs to somebody else", base)
	}
	return path, nil
}

// runOwner returns the process whose end is the end of the run: the go command that started this test, else this
// process.
func runOwner() int {
	parent := os.Getppid()
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", parent))
	if err != nil {
		name, err = exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(parent)).Output()
	}
	if err == nil && filepath.Base(strings.TrimSpace(string(name))) == "go" {
		return parent
	}
	return os.Getpid()
}

// sharedAnswers reports whether the server at the address still listens.
func sharedAnswers(address string) bool {
	u, err := url.Parse(address)
	return err == nil && answers(u.Host)
}
