//go:build unix

package chat

import (
	"errors"
	"syscall"
)

const canWriteRaw = true

// writeRaw makes one write call that does not wait and returns how many bytes
// the socket took; a full socket takes none and is no error.
func writeRaw(raw syscall.RawConn, b []byte) (n int, err error) {
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		for {
			n, failed = syscall.Write(int(fd), b)
			if !errors.Is(failed, syscall.EINTR) {
				return true // also when full: waiting is not for this goroutine
			}
		}
	})
	n = max(n, 0)
	switch {
	case err != nil:
		return n, err
	case errors.Is(failed, syscall.EAGAIN):
		return n, nil
	}
	return n, failed
}
