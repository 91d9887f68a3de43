package ingest

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"souk/hls"
	"souk/ingest/rtmptest"
)

// tape is a socket whose peer has said everything it will say, and takes every
// answer.
type tape struct {
	net.Conn // nil: only the methods below may be called
	io.Reader
	once sync.Once
	done chan struct{} // closed by Close
}

func (s *tape) Read(p []byte) (int, error)       { return s.Reader.Read(p) }
func (s *tape) Write(p []byte) (int, error)      { return len(p), nil }
func (s *tape) Close() error                     { s.once.Do(func() { close(s.done) }); return nil }
func (s *tape) SetReadDeadline(time.Time) error  { return nil }
func (s *tape) SetWriteDeadline(time.Time) error { return nil }
func (s *tape) RemoteAddr() net.Addr             { return textAddr("tape") }

// memory is a listener of connections within the process.
type memory struct {
	dialed chan net.Conn
	closed chan struct{}
	once   *sync.Once
}

func newMemory() memory {
	return memory{make(chan net.Conn), make(chan struct{}), new(sync.Once)}
}

func (m memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.dialed:
		return c, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m memory) Close() error   { m.once.Do(func() { close(m.closed) }); return nil }
func (m memory) Addr() net.Addr { return textAddr("memory") }

// FuzzServer sends arbitrary chunks to a whole server, library included, from
// three points of a conversation. The server has to be done with them, and the
// guard must have left nothing for the library to stumble over.
func FuzzServer(f *testing.F) {
	const shaken, connected, publishing = 0, 1, 2
	for at := range byte(3) {
		f.Add(at, rtmptest.Connect("live"))
		f.Add(at, rtmptest.Join(rtmptest.CreateStream(), rtmptest.Publish("key-of-tea")))
		f.Add(at, rtmptest.Invoke(1, "deleteStream", 7, nil, 1.0))
		f.Add(at, rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\x17\x01\x00\x00\x00\x00\x00\x00\x01\x65")}.Bytes())
		f.Add(at, rtmptest.Join(
			rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\x90av01\x81\x08\x0c\x00\x0a\x0b\x00\x00\x00\x04\x3c\xff\xbc\xff\xf9\x80\x40")}.Bytes(),
			rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Body: []byte("\xa6\x23av01\x00\x00\x00\x03\x32\x01\x10hvc1\x01\x00\x00\x05\x00\x00\x00\x00\x01")}.Bytes(),
			rtmptest.Message{Kind: rtmptest.Audio, Stream: 1, Body: []byte("\x90OpusOpusHead\x01\x01\x38\x01\x44\xac\x00\x00\x00\x00\x00")}.Bytes(),
			rtmptest.Message{Kind: rtmptest.Audio, Stream: 1, Body: []byte("\x91Opus\xfc\xff\xfe")}.Bytes()))
		f.Add(at, append(rtmptest.Invoke(0, "connect", 1), 0x0a, 0x7f, 0xff, 0xff, 0xff))
		f.Add(at, rtmptest.Message{Kind: rtmptest.Video, Stream: 1, Time: 1 << 31, Body: make([]byte, 300)}.Bytes())
	}
	f.Fuzz(func(t *testing.T, at byte, in []byte) {
		logged := new(journal)
		origin := new(hls.Origin)
		s := &Server{Keys: keys{}, Origin: origin, Log: slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		s.OnState = func(_ context.Context, channel string, on bool) error {
			if on {
				origin.Start(channel, hls.Show{ID: "show", StartedAt: time.Now()})
			}
			return nil
		}
		ln := newMemory()
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, ln) }()

		parts := [][]byte{rtmptest.Handshake()}
		if at%3 >= connected {
			parts = append(parts, rtmptest.Connect("live"))
		}
		if at%3 == publishing {
			parts = append(parts, rtmptest.CreateStream(), rtmptest.Publish("key-of-tea"))
		}
		done := make(chan struct{})
		ln.dialed <- &tape{Reader: bytes.NewReader(rtmptest.Join(append(parts, in)...)), done: done}
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("the connection is stuck")
		}
		stop()
		select {
		case <-served:
		case <-time.After(patience):
			t.Fatal("the server is stuck")
		}
		origin.Close()
		if n := s.Stats().Panics; n != 0 {
			t.Errorf("%d panics: %s", n, logged)
		}
		if at%3 != shaken && strings.Contains(logged.String(), errLibrary.Error()) {
			t.Errorf("the library hung up: %s", logged)
		}
	})
}
