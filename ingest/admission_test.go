package ingest

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"souk/ingest/rtmptest"
)

// Idle sockets push each other out and no one else.
func TestIdleConnectionsGiveWay(t *testing.T) {
	for what, limit := range map[string]func(*Server){
		"per address": func(s *Server) { s.MaxPerAddress = 5 },
		"in all":      func(s *Server) { s.MaxConnections = 5 },
	} {
		t.Run(what, func(t *testing.T) {
			h := open(t, limit)
			s := h.steadily()
			idle := make([]net.Conn, 20)
			for i := range idle {
				conn, err := net.Dial("tcp", h.address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				conn.Write([]byte{3})
				idle[i] = conn
			}
			rtmptest.Dial(t, h.address).Publish("key-of-tea")
			for i, conn := range idle[:15] {
				conn.SetReadDeadline(time.Now().Add(patience))
				var err error
				for buf := make([]byte, 4096); err == nil; {
					_, err = conn.Read(buf)
				}
				if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
					t.Errorf("connection %d is still open", i)
				}
			}
			s.finish()
		})
	}
}

func TestPublishersDoNotGiveWay(t *testing.T) {
	h := open(t, func(s *Server) { s.MaxPerAddress = 2 })
	s := h.steadily()
	rtmptest.Dial(t, h.address).Publish("key-of-tea")
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the third connection got %v", err)
	}
	s.finish()
}

func TestAddressOf(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7:1000":          "192.0.2.7/32",
		"[::ffff:192.0.2.7]:1000": "192.0.2.7/32",
		"[2001:db8:1:2:3::4]:1":   "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1":        "fe80::/64",
	} {
		addr := net.Addr(textAddr(in))
		if got := addressOf(addr); got.String() != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := addressOf(textAddr("pipe")); got.IsValid() {
		t.Errorf("no address: %s", got)
	}
}

type textAddr string

func (textAddr) Network() string  { return "tcp" }
func (a textAddr) String() string { return string(a) }

// exhausted is a listener in a process without file descriptors.
type exhausted struct {
	net.Listener
	calls int
	ctx   context.Context
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	e.calls++
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func (e *exhausted) Close() error   { return nil }
func (e *exhausted) Addr() net.Addr { return textAddr("127.0.0.1:1") }

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ln := &exhausted{ctx: ctx}
		if err := new(Server).Serve(ctx, ln); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Serve returned %v", err)
		}
		if ln.calls > 70 {
			t.Errorf("%d calls of Accept in a minute", ln.calls)
		}
	})
}

func TestServeReturnsTheListenersEnd(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := new(Server).Serve(t.Context(), ln); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve returned %v", err)
	}
}
