package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

// unread is what waits in the receive buffer of a socket, in bytes.
func unread(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// smoothedRTT is the kernel's estimate for a TCP connection.
func smoothedRTT(fd uintptr) time.Duration {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return time.Duration(info.Rtt) * time.Microsecond
}
