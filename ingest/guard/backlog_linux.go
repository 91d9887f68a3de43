package guard

import "golang.org/x/sys/unix"

// unread is what waits in the receive buffer of a socket, in bytes.
func unread(fd uintptr) int {
	n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
