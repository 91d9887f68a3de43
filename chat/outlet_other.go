//go:build !unix

package chat

import (
	"errors"
	"net"
)

// Elsewhere every write goes through the draining goroutine.
func descriptor(net.Conn) int { return -1 }

func writeNow(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
