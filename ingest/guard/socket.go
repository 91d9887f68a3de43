package guard

import (
	"net"
	"syscall"
	"time"
)

// Backlog is how many bytes have arrived that nobody has taken yet: in the
// socket, where the system tells, and in unfinished messages. It grows when the
// server does not keep up. Only the reading goroutine may call it.
func (c *Conn) Backlog() int {
	n := c.in.src.Buffered() + c.in.held
	c.descriptor(func(fd uintptr) { n += unread(fd) })
	return n
}

// RTT is how long the last ping that was answered took there and back. Before
// that, and with encoders that answer none, as OBS, it is what the system knows
// of the connection, or 0. Any goroutine may call it.
func (c *Conn) RTT() time.Duration {
	d := time.Duration(c.roundTrip.Load())
	if d == 0 {
		c.descriptor(func(fd uintptr) { d = smoothedRTT(fd) })
	}
	return d
}

// descriptor calls f with the file descriptor of the socket, if there is one.
func (c *Conn) descriptor(f func(fd uintptr)) {
	socket := c.Conn
	if wrapped, ok := socket.(interface{ NetConn() net.Conn }); ok {
		socket = wrapped.NetConn() // below TLS
	}
	if sys, ok := socket.(syscall.Conn); ok {
		if raw, err := sys.SyscallConn(); err == nil {
			raw.Control(f)
		}
	}
}
