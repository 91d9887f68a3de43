//go:build !unix

package chat

import (
	"errors"
	"syscall"
)

// Elsewhere every write goes through the draining goroutine.
const canWriteRaw = false

func writeRaw(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
