//go:build unix

package hls

import "syscall"

// yieldTo lowers the priority of a process of ours. It is no harm if that fails.
func yieldTo(pid, nice int) { _ = syscall.Setpriority(syscall.PRIO_PROCESS, pid, nice) }
