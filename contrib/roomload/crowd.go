//go:build linux

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	dialers    = 64      // connections opened at once
	readAtOnce = 512     // sockets in one answer of epoll
	readSize   = 1 << 20 // bytes of one read
	epollWait  = 100     // ms
)

// crowd is the viewers. One thread reads for all of them.
type crowd struct {
	load   *load
	speak  *dialect
	server netip.AddrPort
	from   []netip.Addr
	epoll  int

	received  atomic.Int64 // messages, all viewers together
	ready     atomic.Int64 // viewers that are in
	measuring atomic.Bool
	over      atomic.Bool
	reading   sync.WaitGroup

	mu      sync.Mutex // guards everything below; held while a batch of sockets is read
	viewers []*viewer
	byFile  map[int32]*viewer
	buf     []byte
	seen    frames
	tally   tally
	stock   stockWatch
	failed  error // of the reader
}

// tally is what arrived while it was measured; lost and doubled count always.
type tally struct {
	lag           histogram
	frames, bytes int64
	lost, doubled int64
	gaps          int64 // events that tell of messages left out on purpose
	closed        int64 // by the server
	fresh         int64 // came back and were not given what they missed
}

type viewer struct {
	nth  int
	fd   int
	part []byte // of a frame that has not come in full
	in   bool
	deaf bool // reads no more
	last int64
	at   position
	back bool // has come back
}

func gather(l *load) (*crowd, error) {
	u, err := url.Parse(l.URL)
	if err != nil {
		return nil, err
	}
	server, err := netip.ParseAddrPort(u.Host)
	if err != nil || !server.Addr().Is4() {
		return nil, fmt.Errorf("the server must be an IPv4 address and a port: %s", l.URL)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &crowd{load: l, speak: dialects[l.Kind], server: server, from: sources(l.Sources), epoll: epoll,
		byFile: map[int32]*viewer{}, buf: make([]byte, readSize)}
	for i := range l.Viewers {
		c.viewers = append(c.viewers, &viewer{nth: i, fd: -1, last: -1})
	}
	c.reading.Go(c.read)
	return c, nil
}

// enter brings everybody in who is not, and waits until they are.
func (c *crowd) enter() error {
	work := make(chan *viewer)
	var wg sync.WaitGroup
	var first atomic.Value
	for range dialers {
		wg.Go(func() {
			for v := range work {
				if err := c.connect(v); err != nil {
					first.CompareAndSwap(nil, err)
				}
			}
		})
	}
	for _, v := range c.viewers {
		if v.fd < 0 {
			work <- v
		}
	}
	close(work)
	wg.Wait()
	if err, ok := first.Load().(error); ok {
		return err
	}
	for end := time.Now().Add(patience); c.ready.Load() < int64(len(c.viewers)); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d viewers got in", c.ready.Load(), len(c.viewers))
		}
	}
	return nil
}

func (c *crowd) connect(v *viewer) error {
	receive := 0
	if v.nth < c.load.Dead {
		receive = c.load.Receive
	}
	fd, err := dial(c.server, c.from[v.nth%len(c.from)], receive)
	if err != nil {
		return err
	}
	rest, err := shake(fd, c.server.String(), c.speak.path(c.load, v.at), c.load.Deflate)
	if err == nil && c.speak.hello != nil {
		err = send(fd, masked(opText, c.speak.hello(c.load, v.at)))
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd)
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.fd, v.part = fd, nil
	c.byFile[int32(fd)] = v
	if c.speak.ready == "" {
		c.arrived(v)
	}
	c.input(v, rest)
	if v.fd < 0 || v.deaf {
		return nil
	}
	return unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// arrived needs mu.
func (c *crowd) arrived(v *viewer) {
	v.in = true
	c.ready.Add(1)
	v.deaf = v.nth < c.load.Dead
}

// drop ends all connections without a word.
func (c *crowd) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.viewers {
		v.back = true
		c.hangUp(v)
	}
}

// end drops everybody for good.
func (c *crowd) end() {
	c.drop()
	c.over.Store(true)
	c.reading.Wait()
	_ = unix.Close(c.epoll)
}

// hangUp needs mu.
func (c *crowd) hangUp(v *viewer) {
	if v.fd < 0 {
		return
	}
	delete(c.byFile, int32(v.fd))
	_ = unix.Close(v.fd) // which takes it out of epoll too
	v.fd, v.part = -1, nil
	if v.in {
		v.in = false
		c.ready.Add(-1)
	}
}

func (c *crowd) read() {
	runtime.LockOSThread()
	events := make([]unix.EpollEvent, readAtOnce)
	for !c.over.Load() {
		n, err := unix.EpollWait(c.epoll, events, epollWait)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		c.mu.Lock()
		if err != nil {
			c.failed = err
			c.mu.Unlock()
			return
		}
		for _, e := range events[:n] {
			if v := c.byFile[e.Fd]; v != nil {
				c.readOne(v)
			}
		}
		c.mu.Unlock()
	}
}

// readOne needs mu.
func (c *crowd) readOne(v *viewer) {
	// Raw, so that the runtime does not take the thread's place away for a call that does not wait.
	n, _, no := unix.RawSyscall(unix.SYS_READ, uintptr(v.fd), uintptr(unsafe.Pointer(&c.buf[0])), uintptr(len(c.buf)))
	switch {
	case no == unix.EAGAIN || no == unix.EINTR:
	case no != 0 || n == 0:
		c.tally.closed++
		c.hangUp(v)
	default:
		c.input(v, c.buf[:n])
		if v.deaf && v.fd >= 0 {
			_ = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_DEL, v.fd, nil)
		}
	}
}

// input takes whole frames out of what came. It needs mu.
func (c *crowd) input(v *viewer, b []byte) {
	now := time.Now().UnixNano()
	if c.measuring.Load() {
		c.tally.bytes += int64(len(b))
	}
	if len(v.part) > 0 {
		v.part = append(v.part, b...)
		b = v.part
	}
	for v.fd >= 0 {
		header, n, ok := head(b)
		if !ok || len(b) < header+n {
			break
		}
		op, payload := b[0], b[header:header+n]
		b = b[header+n:]
		switch op & 0x0f {
		case opPing:
			_ = send(v.fd, masked(opPong, payload))
		case opClose:
		default:
			c.frame(v, payload, op&rsv1 != 0, now)
		}
	}
	if len(b) == 0 {
		v.part = nil
	} else {
		v.part = append([]byte(nil), b...)
	}
}
