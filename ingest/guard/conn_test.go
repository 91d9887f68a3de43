package guard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"souk/ingest/rtmptest"
)

func TestFirstByteDecides(t *testing.T) {
	for _, in := range []string{"GET / HTTP/1.1\r\n", "\x16\x03\x01", "\x06", "\x00"} {
		c := New(&script{in: strings.NewReader(in)}, 0)
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, errNotRTMP) {
			t.Errorf("%q: %d, %v", in, n, err)
		}
	}
}

// A Read ends where its message ends, or a stand-in would be taken for the
// wrong body.
// Greeted waits for as much as shows an RTMP peer, and Read goes on from there.
func TestGreeted(t *testing.T) {
	for in, want := range map[string]error{
		"":                                  io.EOF,
		"G":                                 errNotRTMP,
		"\x03":                              io.EOF,
		string(rtmptest.Handshake()):        nil,
		"\x03half":                          io.ErrUnexpectedEOF,
		string(make([]byte, 1<<10)):         errNotRTMP,
		"\x03" + string(make([]byte, 1536)): nil,
	} {
		c := New(&script{in: strings.NewReader(in)}, 0)
		err := c.Greeted()
		if err != want || c.Err() != want {
			t.Errorf("%d bytes: %v, %v, want %v", len(in), err, c.Err(), want)
		}
		if got, _ := io.ReadAll(io.LimitReader(c, handshakeBytes)); want == nil && string(got) != in {
			t.Errorf("%d bytes: %d came through", len(in), len(got))
		}
	}
}

func TestReadKeepsMessagesApart(t *testing.T) {
	socket := &script{in: bytes.NewReader(rtmptest.Join(rtmptest.Handshake(), publishing,
		audio(1, "one").Bytes(), audio(2, "two").Bytes()))}
	c := New(socket, 0)
	lib := newLibrary(c)
	if err := lib.handshake(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := lib.next(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "two"} {
		n, err := c.Read(make([]byte, 1<<16))
		if body := string(c.Body()); n != 12+len(standIn) || err != nil || body != want {
			t.Errorf("%d bytes, %v, body %q, want %q", n, err, body, want)
		}
		if c.Body() != nil {
			t.Error("a body was handed out twice")
		}
	}
}

// pipe runs the library's side of a connection in a bubble of its own time,
// and returns the encoder's end and how the library's ended.
func pipe(t *testing.T) (encoder net.Conn, c *Conn, ended <-chan error) {
	encoder, socket := net.Pipe()
	c = New(socket, 0)
	done := make(chan error, 1)
	go func() {
		lib := newLibrary(c)
		err := lib.handshake()
		for err == nil {
			_, err = lib.next()
		}
		c.Close()
		done <- err
	}()
	t.Cleanup(func() { encoder.Close() })
	return encoder, c, done
}

func TestDeadlines(t *testing.T) {
	half := audio(0, "0123456789").Bytes()
	for _, tc := range []struct {
		what  string
		send  []byte
		drip  bool // then a byte now and then
		want  error
		after time.Duration
	}{
		{"no handshake", nil, false, errHandshake, 10 * time.Second},
		{"half a handshake", make([]byte, 1000), false, errHandshake, 10 * time.Second},
		{"nothing after the handshake", rtmptest.Handshake(), false, errNoPublish, 15 * time.Second},
		{"no publish", rtmptest.Join(rtmptest.Handshake(), rtmptest.Connect("live"), rtmptest.Message{ChunkStream: 9, Kind: rtmptest.Command}.Header(60_000)), true, errNoPublish, 15 * time.Second},
		{"publish and silence", rtmptest.Join(rtmptest.Handshake(), publishing), false, errSilent, 16 * time.Second},
		{"a message that drips in", rtmptest.Join(rtmptest.Handshake(), publishing, rtmptest.Message{ChunkStream: 9, Kind: rtmptest.Video}.Header(1<<20)), true, errSilent, 16 * time.Second},
		{"media and silence", rtmptest.Join(rtmptest.Handshake(), publishing, half), false, errSilent, 16 * time.Second},
	} {
		t.Run(tc.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				encoder, _, ended := pipe(t)
				start := time.Now()
				var sender sync.WaitGroup
				defer sender.Wait()
				sender.Go(func() {
					if len(tc.send) > 0 && tc.send[0] != 3 {
						tc.send = append([]byte{3}, tc.send...)
					}
					encoder.Write(tc.send)
					for tc.drip {
						<-time.After(200 * time.Millisecond)
						if _, err := encoder.Write([]byte{0x42}); err != nil {
							return
						}
					}
				})
				if err := <-ended; !errors.Is(err, tc.want) {
					t.Errorf("ended with %v, want %v", err, tc.want)
				}
				if took := time.Since(start); took != tc.after {
					t.Errorf("after %v, want %v", took, tc.after)
				}
			})
		})
	}
}

func TestMediaKeepsTheConnectionOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		encoder, c, ended := pipe(t)
		go io.Copy(io.Discard, encoder) // pings
		encoder.Write(rtmptest.Join(rtmptest.Handshake(), publishing))
		for range 10 {
			<-time.After(14 * time.Second)
			if _, err := encoder.Write(audio(1, "x").Bytes()); err != nil {
				t.Fatal(err, c.Err())
			}
		}
		synctest.Wait() // for the last ping
		encoder.Close()
		if err := <-ended; err != io.EOF {
			t.Error(err)
		}
	})
}

func TestCutWakesTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		encoder, c, ended := pipe(t)
		encoder.Write(rtmptest.Join(rtmptest.Handshake(), publishing))
		synctest.Wait()
		why, later := errors.New("why"), errors.New("later")
		start := time.Now()
		c.Cut(why)
		c.Cut(later)
		if err := <-ended; !errors.Is(err, why) || !errors.Is(c.Err(), why) {
			t.Errorf("ended with %v, cut by %v", err, c.Err())
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, why) {
			t.Errorf("read on: %v", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("took %v", time.Since(start))
		}
	})
}

func TestWriteGivesUp(t *testing.T) {
	for _, tc := range []struct {
		cut  bool
		want time.Duration
	}{{false, writeTimeout}, {true, farewellTimeout}} {
		synctest.Test(t, func(t *testing.T) {
			encoder, socket := net.Pipe()
			defer encoder.Close()
			c := New(socket, 0)
			defer c.Close()
			if tc.cut {
				c.Cut(io.EOF)
			}
			start := time.Now()
			if _, err := c.Write([]byte("nobody reads this")); !errors.Is(err, errUnread) {
				t.Errorf("written: %v", err)
			}
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("reading goes on")
			}
			if took := time.Since(start); took != tc.want {
				t.Errorf("took %v, want %v", took, tc.want)
			}
		})
	}
}

func TestPanicEndsTheConnectionOnly(t *testing.T) {
	socket := &script{in: bytes.NewReader(rtmptest.Join(rtmptest.Handshake(), publishing))}
	c := New(socket, 0)
	lib := newLibrary(c)
	if err := lib.handshake(); err != nil {
		t.Fatal(err)
	}
	c.in.room = func(byte) (int, bool) { panic("boom") }
	_, err := io.Copy(io.Discard, c)
	var p *Panic
	if !errors.As(err, &p) || p.Value != "boom" || !bytes.Contains(p.Stack, []byte("conn_test.go")) {
		t.Errorf("got %v, want the panic with its stack", err)
	}
}

// A status written last reaches a peer that is still sending: without the
// linger, its unread bytes would make the close a reset.
func TestLingeringClose(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		socket, err := ln.Accept()
		if err != nil {
			return
		}
		c := New(socket, 0)
		io.ReadFull(c, make([]byte, 1))
		c.Write([]byte("goodbye"))
		c.Linger()
		c.Close()
	}()
	encoder, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer encoder.Close()
	encoder.Write(append(rtmptest.Handshake(), make([]byte, 1<<20)...))
	got, err := io.ReadAll(bufio.NewReader(encoder))
	if string(got) != "goodbye" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
