//go:build !linux

package e2e

import "syscall"

// noOrphans does nothing where the system has no means for it.
func noOrphans() *syscall.SysProcAttr { return nil }
