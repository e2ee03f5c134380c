package testservers

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

//go:embed guard.sh
var guardScript string

// workdir is the folder of a server's data, logs and process ids. A guard kills the servers and removes the folder when
// the owner is gone.
type workdir struct {
	path  string
	guard int // process id
}

// newWorkdir makes a folder that lives as long as this process.
func newWorkdir(name string) (*workdir, error) {
	path, err := os.MkdirTemp("", "goatee-"+name+"-*")
	if err != nil {
		return nil, err
	}
	return guardDir(path, os.Getpid())
}

// guardDir has the existing folder at path removed, and the servers recorded in it killed, when the process owner ends.
func guardDir(path string, owner int) (*workdir, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "guard", path, strconv.Itoa(owner))
	cmd.Dir = "/"
	guard, err := startDetached(cmd)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return &workdir{path: path, guard: guard}, nil
}

// close removes the folder and ends the guard; the servers have been stopped.
func (w *workdir) close() error {
	err := os.RemoveAll(w.path)
	if killErr := syscall.Kill(w.guard, syscall.SIGKILL); killErr != nil {
		return errors.Join(err, killErr)
	}
	reap(w.guard, 0)
	return err
}
