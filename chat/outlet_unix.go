//go:build unix

package chat

import (
	"errors"
	"net"
	"syscall"
)

// descriptor returns the file of c for writeNow, or -1. The runtime has set it
// not to wait, and goes on reading from it.
func descriptor(c net.Conn) int {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return -1
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1
	}
	file := -1
	_ = raw.Control(func(fd uintptr) { file = int(fd) }) // an error leaves it as it is
	return file
}

// writeNow makes one write call that does not wait and returns how many bytes
// the socket took; a full socket takes none and is no error. It goes around
// net.Conn, whose locks and closures come on top of each.
func writeNow(fd int, b []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil // waiting is not for this goroutine
		case !errors.Is(err, syscall.EINTR):
			return 0, err
		}
	}
}
