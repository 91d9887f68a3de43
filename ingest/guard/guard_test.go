package guard

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"souk/ingest/amf"
	"souk/ingest/rtmptest"
)

// script is a socket whose peer has already said everything it will say.
type script struct {
	net.Conn // nil: only the methods below may be called
	in       io.Reader
	sent     bytes.Buffer
}

func (s *script) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)      { return s.sent.Write(p) }
func (s *script) Close() error                     { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// library stands for the RTMP library: it reads what a Conn hands out, and
// accepts every publish.
type library struct {
	conn *Conn
	in   *assembler
}

func newLibrary(c *Conn) *library {
	l := &library{conn: c, in: newAssembler(bufio.NewReaderSize(c, 4096))}
	l.in.budget, l.in.hold = 0, maxHeld
	l.in.room = func(byte) (int, bool) { return maxChunkSize, true }
	return l
}

func (l *library) handshake() error {
	_, err := io.CopyN(io.Discard, l.conn, handshakeBytes)
	return err
}

// next returns the next message, a media body in the place of its stand-in.
func (l *library) next() (message, error) {
	m, err := l.in.next()
	if err != nil {
		return m, err
	}
	switch m.kind {
	case kindAudio, kindVideo:
		m.body = l.conn.Body()
	case kindCommand:
		if args, _ := amf.Decode(m.body); args[0] == "publish" {
			l.conn.Publishing(m.stream)
		}
	}
	return m, nil
}

// relay sends the parts through a guard after a handshake, and returns what the
// library got to see, what the peer was sent, and how it ended.
func relay(t *testing.T, parts ...[]byte) (got []message, sent []message, err error) {
	t.Helper()
	socket := &script{in: bytes.NewReader(rtmptest.Join(append([][]byte{rtmptest.Handshake()}, parts...)...))}
	c := New(socket, 0)
	lib := newLibrary(c)
	if err := lib.handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	for {
		m, e := lib.next()
		if e != nil {
			err = e
			break
		}
		m.body = append(make([]byte, 0, cap(m.body)), m.body...) // the next one will be there
		got = append(got, m)
	}
	if c.in.held < 0 || c.in.held > c.in.hold {
		t.Errorf("%d bytes held", c.in.held)
	}
	peer := newAssembler(bufio.NewReader(&socket.sent))
	peer.budget, peer.room = 0, lib.in.room
	for {
		m, e := peer.next()
		if e != nil {
			return got, sent, err
		}
		sent = append(sent, m)
	}
}

// publishing is everything up to an accepted publish.
var publishing = rtmptest.Join(rtmptest.Connect("live"), rtmptest.CreateStream(), rtmptest.Publish("key"))

// media relays what a publisher sends, and returns the media of it.
func media(t *testing.T, parts ...[]byte) (got []message, err error) {
	t.Helper()
	all, _, err := relay(t, append([][]byte{publishing}, parts...)...)
	for _, m := range all {
		if m.kind == kindAudio || m.kind == kindVideo {
			got = append(got, m)
		}
	}
	return got, err
}

func audio(time uint32, body string) rtmptest.Message {
	return rtmptest.Message{ChunkStream: 4, Kind: rtmptest.Audio, Stream: 1, Time: time, Body: []byte(body)}
}

func video(time uint32, size int) rtmptest.Message {
	body := bytes.Repeat([]byte{0x27, byte(size), 1}, size/3+1)[:size]
	return rtmptest.Message{ChunkStream: 6, Kind: rtmptest.Video, Stream: 1, Time: time, Body: body}
}
