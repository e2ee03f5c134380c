package testservers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// cached returns the folder name of the user's cache, filling it first if this is the first call ever. fill writes into
// a folder that takes its name only when everything is there, so a killed installation leaves nothing half done.
// Processes that ask at the same time install once.
func cached(ctx context.Context, name string, fill func(ctx context.Context, dir string) error) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user cache folder: %w", err)
	}
	base = filepath.Join(base, "goatee")
	dir := filepath.Join(base, name)
	if isDir(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if isDir(dir) {
		return dir, nil
	}
	if err := removeAll(base, name+".partial-*"); err != nil {
		return "", err
	}
	partial, err := os.MkdirTemp(base, name+".partial-*")
	if err != nil {
		return "", err
	}
	if err := fill(ctx, partial); err != nil {
		return "", errors.Join(fmt.Errorf("install %s: %w", name, err), os.RemoveAll(partial))
	}
	return dir, os.Rename(partial, dir)
}

// removeAll removes what killed installations left; the caller holds the lock.
func removeAll(base, pattern string) error {
	left, err := filepath.Glob(filepath.Join(base, pattern))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// run runs a tool in dir and returns its output as part of the error if it fails.
func run(ctx context.Context, dir, tool string, args ...string) error {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", tool, strings.Join(args, " "), err, lastLines(string(out)))
	}
	return nil
}

// lastLines returns the end of a log, where the reason of a failure is.
func lastLines(log string) string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// readLog returns what was written to the log file at path after the first skip bytes.
func readLog(path string, skip int64) string {
	log, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(log[min(skip, int64(len(log))):])
}
