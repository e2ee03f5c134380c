package testservers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// errPortTaken says that somebody listens on the port, which was perhaps free when it was chosen.
var errPortTaken = errors.New("its port is taken")

// process is one server process that can be started again. No goroutine runs while it does: the process is waited for
// only where it is ended. Its methods may be called concurrently.
type process struct {
	name string // the base of the file names of its log and process id
	dir  string // the guarded folder
	argv []string

	mu       sync.Mutex
	pid      int   // 0 while it does not run
	logStart int64 // where the log of the present start begins
}

// recordPid writes the process id where the guard finds it before the shell becomes the server, so that no moment is
// left in which the server runs unknown to the guard.
const recordPid = `echo $$ >"$0" && exec "$@"`

func (p *process) logPath() string { return filepath.Join(p.dir, p.name+".log") }
func (p *process) pidPath() string { return filepath.Join(p.dir, p.name+".pid") }

// start starts the process; it does not wait until the server answers.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid != 0 {
		return fmt.Errorf("%s runs already", p.name)
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if p.logStart, err = log.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", append([]string{"-c", recordPid, p.pidPath()}, p.argv...)...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = log, log
	p.pid, err = startDetached(cmd)
	return err
}

// startDetached starts cmd in a session of its own, so that Ctrl-C in the terminal does not reach it, and returns its
// process id. The caller waits for the process.
func startDetached(cmd *exec.Cmd) (int, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	pid := cmd.Process.Pid
	return pid, cmd.Process.Release()
}

// failed returns an error with the end of the log if the process is gone by itself.
func (p *process) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return fmt.Errorf("%s does not run", p.name)
	}
	if !reap(p.pid, syscall.WNOHANG) {
		return nil
	}
	if err := p.gone(); err != nil {
		return err
	}
	log := readLog(p.logPath(), p.logStart) // all of it: a stack trace may be longer than the end that is shown
	if strings.Contains(log, "ddress already in use") {
		return fmt.Errorf("%s: %w", p.name, errPortTaken)
	}
	return fmt.Errorf("%s ended by itself; the end of its log:\n%s", p.name, lastLines(log))
}

// running reports whether the process was started and not ended since.
func (p *process) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid != 0
}

// signal sends sig to the process.
func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return fmt.Errorf("%s does not run", p.name)
	}
	return syscall.Kill(p.pid, sig)
}

// kill ends the process at once and returns when it is gone. Killing what does not run does nothing.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid == 0 {
		return nil
	}
	if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	reap(p.pid, 0)
	return p.gone()
}

// stop asks the process to end in good order and kills it when that takes longer than 20 s.
func (p *process) stop() error {
	if !p.running() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// A paused process gets the signal only when it goes on.
	if err := errors.Join(p.signal(syscall.SIGTERM), p.signal(syscall.SIGCONT)); err != nil {
		return err
	}
	for !p.ended() {
		if pause(ctx, 10*time.Millisecond) != nil {
			return p.kill()
		}
	}
	return nil
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid == 0 || reap(p.pid, syscall.WNOHANG) && p.gone() == nil
}

// gone forgets the process id; mu is held.
func (p *process) gone() error {
	p.pid = 0
	// A process that was killed early has not recorded its id yet.
	if err := os.Remove(p.pidPath()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// reap reports whether the child has ended, waiting for it unless told not to.
func reap(pid, options int) bool {
	for {
		got, err := syscall.Wait4(pid, nil, options, nil)
		if !errors.Is(err, syscall.EINTR) {
			return got == pid || err != nil
		}
	}
}

// killRecorded kills the servers whose process ids are recorded in dir.
func killRecorded(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.pid"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && pid > 1 {
			// An error means that the server is gone already.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return nil
}
