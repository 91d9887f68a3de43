package chat

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// maxControl bounds the control frames (pongs, the answer to a close) that
// wait behind data. Further ones are dropped; RFC 6455 section 5.5.3 allows a
// pong to be left out.
const maxControl = 512

// outlet is the writing half of a socket. It is the net.Conn that gorilla
// gets, so that its control frames and the room's data share one order.
//
// No method waits for the peer. What the socket does not take at once is
// handed to a goroutine that ends when it is through; until then the outlet is
// busy and takes no more data, so that nothing piles up here.
type outlet struct {
	net.Conn
	fd int // of the connection, -1 where it offers none (TLS, pipes). Only mu keeps it from being another one's
	// drained is called without locks, on the draining goroutine, when the
	// outlet can take data again.
	drained func()
	wg      *sync.WaitGroup // counts draining goroutines
	stuck   *atomic.Int64   // counts peers that took nothing for writeWait

	mu       sync.Mutex // guards what follows; never held while waiting
	busy     bool       // a goroutine drains
	control  []byte     // whole control frames that wait for it
	finished bool       // a close frame was accepted: nothing may follow
	direct   bool       // before the upgrade is done: plain writes
	broken   bool
}

func newOutlet(c net.Conn, wg *sync.WaitGroup, stuck *atomic.Int64) *outlet {
	o := &outlet{Conn: c, wg: wg, stuck: stuck, direct: true}
	o.fd = descriptor(c)
	return o
}

// upgraded ends the time of plain writes; from now on only whole frames.
func (o *outlet) upgraded(drained func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.direct = false
	o.drained = drained
}

// send takes one or more whole frames, or returns false and has taken nothing:
// busy (drained follows) or closed. frames must not change afterwards.
func (o *outlet) send(frames []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.busy || o.finished || o.broken {
		return false
	}
	o.push(frames)
	return true
}

// ready tells whether send would take something now.
func (o *outlet) ready() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.busy && !o.finished && !o.broken
}

// idle tells whether everything taken is with the kernel.
func (o *outlet) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.busy
}

// Write takes control frames from gorilla.
func (o *outlet) Write(b []byte) (int, error) {
	o.mu.Lock()
	if o.direct {
		o.mu.Unlock()
		return o.Conn.Write(b)
	}
	defer o.mu.Unlock()
	if o.broken {
		return 0, net.ErrClosed
	}
	o.putControl(b)
	return len(b), nil
}

// SetWriteDeadline does nothing once upgraded: only the draining goroutine
// waits, and it has a deadline of its own.
func (o *outlet) SetWriteDeadline(t time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.direct {
		return o.Conn.SetWriteDeadline(t)
	}
	return nil
}

// SetReadDeadline does nothing once finished: the peer's last words must not
// extend the time it has left.
func (o *outlet) SetReadDeadline(t time.Time) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return nil
	}
	return o.Conn.SetReadDeadline(t)
}

// Close is hangUp, for gorilla.
func (o *outlet) Close() error {
	o.hangUp()
	return nil
}

// hangUp closes the connection. The reader calls it last: no draining
// goroutine starts afterwards.
func (o *outlet) hangUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.broken {
		o.fail()
	}
}

// ping sends a ping unless bytes are on the way to the peer anyway.
func (o *outlet) ping() { o.send(pingFrame) }

// finish sends a close frame after whatever is on its way and leaves the peer
// a while to answer it: then the reader, whose goroutine closes the
// connection, gives up. Only the first call counts.
func (o *outlet) finish(code int, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished || o.broken {
		return
	}
	limit := time.Now().Add(closeWait)
	if code == CloseSlow {
		limit = time.Now().Add(slowCloseWait) // it has much to take before the close frame
	}
	if o.busy {
		_ = o.Conn.SetWriteDeadline(limit) // errors: the reader sees them too
	}
	o.control = o.control[:0]
	o.putControl(closeFrame(code, reason))
	o.finished = true
	_ = o.Conn.SetReadDeadline(limit)
}

// putControl needs mu.
func (o *outlet) putControl(frame []byte) {
	switch {
	case o.finished, o.busy && len(o.control)+len(frame) > maxControl:
	case o.busy:
		o.control = append(o.control, frame...)
	default:
		o.push(append([]byte(nil), frame...))
	}
	if frame[0] == opClose {
		o.finished = true
	}
}

// push writes what the socket takes now and leaves the rest to a goroutine. It
// needs mu and an outlet that is not busy.
func (o *outlet) push(b []byte) {
	if o.fd >= 0 {
		n, err := writeNow(o.fd, b)
		if err != nil {
			o.fail()
			return
		}
		if b = b[n:]; len(b) == 0 {
			return
		}
	}
	o.busy = true
	_ = o.Conn.SetWriteDeadline(time.Now().Add(writeWait))
	o.wg.Go(func() { o.drain(b) })
}

// drain writes b and the control frames that came meanwhile.
func (o *outlet) drain(b []byte) {
	for len(b) > 0 {
		_, err := o.Conn.Write(b)
		o.mu.Lock()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) && !o.finished {
				o.stuck.Add(1)
			}
			o.busy = false
			o.fail()
			o.mu.Unlock()
			return
		}
		b, o.control = o.control, nil
		if len(b) == 0 {
			o.busy = false
			_ = o.Conn.SetWriteDeadline(time.Time{})
		}
		o.mu.Unlock()
	}
	o.drained()
}

// fail closes the connection, which ends the reader and with it the viewer. It
// needs mu.
func (o *outlet) fail() {
	o.broken, o.fd = true, -1
	_ = o.Conn.Close()
}
