package e2e

import "syscall"

// noOrphans has the system kill a daemon whose test process has died.
func noOrphans() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
