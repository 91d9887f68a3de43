//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// talker says things, on a connection of its own.
type talker struct {
	crowd   *crowd
	fd      int
	said    atomic.Int64
	refused atomic.Int64
	late    atomic.Int64 // the most that it was behind its schedule, ns
	stop    atomic.Bool
	done    chan struct{}
	err     error // read after done
}

func newTalker(c *crowd) (*talker, error) {
	t := &talker{crowd: c, done: make(chan struct{})}
	var err error
	if t.fd, err = dial(c.server, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0); err != nil {
		return nil, err
	}
	if _, err := shake(t.fd, c.server.String(), c.speak.talker(c.load), false); err != nil {
		return nil, fmt.Errorf("the one who talks: %w", err)
	}
	if c.speak.hello != nil {
		if err := send(t.fd, masked(opText, c.speak.hello(c.load, position{}))); err != nil {
			return nil, err
		}
		time.Sleep(200 * time.Millisecond)
	}
	if err := unix.SetNonblock(t.fd, true); err != nil {
		return nil, err
	}
	go t.listen()
	return t, nil
}

// listen takes what the server answers. The conversation itself comes here
// too, and is of no interest.
func (t *talker) listen() {
	buf := make([]byte, readSize)
	poll := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
	for !t.stop.Load() {
		if _, err := unix.Poll(poll, 100); err != nil {
			continue
		}
		n, err := unix.Read(t.fd, buf)
		if n == 0 && err == nil {
			return
		}
		if n <= 0 {
			continue
		}
		if t.crowd.speak.refused != "" {
			t.refused.Add(int64(bytes.Count(buf[:n], []byte(t.crowd.speak.refused))))
		}
		if ping := t.crowd.speak.ping; ping != "" && bytes.HasSuffix(bytes.TrimSpace(buf[:n]), []byte(ping)) && n <= 8 {
			_ = send(t.fd, masked(opText, []byte(ping)))
		}
	}
}

// run talks until stop.
func (t *talker) run() {
	defer close(t.done)
	if t.crowd.load.Rate > 0 {
		t.err = t.steady()
	} else {
		t.err = t.fast()
	}
}

func (t *talker) steady() error {
	gap := time.Duration(float64(time.Second) / t.crowd.load.Rate)
	for next := time.Now().Add(gap); !t.stop.Load(); next = next.Add(gap) {
		time.Sleep(time.Until(next))
		t.late.Store(max(t.late.Load(), int64(time.Since(next))))
		if err := t.say(next.UnixNano()); err != nil {
			return err
		}
	}
	return nil
}

// fast keeps a number of messages on their way.
func (t *talker) fast() error {
	alive := int64(t.crowd.load.Viewers - t.crowd.load.Dead)
	for !t.stop.Load() {
		if (t.said.Load()-t.refused.Load()-int64(t.crowd.load.Window))*alive >= t.crowd.received.Load() {
			time.Sleep(50 * time.Microsecond)
			continue
		}
		if err := t.say(time.Now().UnixNano()); err != nil {
			return err
		}
	}
	return nil
}

func (t *talker) say(at int64) error {
	n := t.said.Add(1) - 1
	return send(t.fd, masked(opText, t.crowd.speak.say(t.crowd.load, int(n), text(t.crowd.load.name, n, at, t.crowd.load.Size))))
}
