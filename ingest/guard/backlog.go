package guard

import (
	"net"
	"syscall"
)

// Backlog is how many bytes have arrived that nobody has taken yet: in the
// socket, where the system tells, and in unfinished messages. It grows when the
// server does not keep up. Only the reading goroutine may call it.
func (c *Conn) Backlog() int {
	n := c.in.src.Buffered() + c.in.held
	socket := c.Conn
	if wrapped, ok := socket.(interface{ NetConn() net.Conn }); ok {
		socket = wrapped.NetConn() // below TLS
	}
	if sys, ok := socket.(syscall.Conn); ok {
		if raw, err := sys.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { n += unread(fd) })
		}
	}
	return n
}
