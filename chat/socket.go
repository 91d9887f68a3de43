package chat

import (
	"errors"
	"io"
	"net"
	"runtime/debug"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// socket is one connection's reading side. Its goroutine turns frames into
// requests for the room and closes the connection at the end, whoever began it.
type socket struct {
	hub     *Hub
	channel string
	room    *room   // nil: refused at the door
	viewer  *viewer // nil: not in the room (any more); only the peer's goodbye is awaited
	ws      *websocket.Conn
	out     *outlet
	packs   bool // compressed frames were agreed on
	strikes int
	flood   bucket
}

func (s *socket) run() {
	defer s.out.hangUp()
	defer s.leave()
	defer func() {
		if p := recover(); p != nil {
			s.hub.count.panics.Add(1)
			s.hub.Logger.Error("a socket panicked", "channel", s.channel, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	err := s.read()
	s.leave()
	var closed *websocket.CloseError
	var broken net.Error
	if !errors.As(err, &closed) && !errors.As(err, &broken) {
		s.linger() // gorilla has refused a frame and said so
	}
}

// read returns when the connection is over.
func (s *socket) read() error {
	s.ws.SetReadLimit(maxFrame)
	s.ws.SetCloseHandler(func(code int, _ string) error {
		if code == websocket.CloseNoStatusReceived {
			code = websocket.CloseNormalClosure
		}
		s.out.finish(code, "")
		return nil
	})
	s.ws.SetPongHandler(func(string) error { s.heard(); return nil })
	pong := s.ws.PingHandler()
	s.ws.SetPingHandler(func(data string) error { s.heard(); return pong(data) })
	for {
		s.heard()
		kind, frame, err := s.next()
		if err != nil {
			return err
		}
		if s.viewer == nil {
			continue
		}
		if kind == websocket.TextMessage && !utf8.Valid(frame) {
			s.out.finish(closeBadMessage, "")
			continue
		}
		s.take(kind, frame)
	}
}

// errTooBig: a message is longer than maxFrame once it is inflated. gorilla
// bounds what comes over the wire.
var errTooBig = errors.New("message too big")

// next reads one message.
func (s *socket) next() (kind int, frame []byte, err error) {
	kind, from, err := s.ws.NextReader()
	if err != nil {
		return 0, nil, err
	}
	frame, err = io.ReadAll(io.LimitReader(from, maxFrame+1))
	if err == nil && len(frame) > maxFrame {
		s.out.finish(websocket.CloseMessageTooBig, "")
		err = errTooBig
	}
	return kind, frame, err
}

// heard gives the peer another while to be silent.
func (s *socket) heard() { _ = s.out.SetReadDeadline(time.Now().Add(silenceLimit)) }

// take passes one frame on to the room. It waits when the room's inbox is
// full, and so does the peer then.
func (s *socket) take(kind int, frame []byte) {
	var q request
	q.v = s.viewer
	if kind == websocket.TextMessage {
		q.command, q.refused = parse(frame)
	} else {
		q.refused = refusedJSON
	}
	flooding := !s.viewer.person.runs() && s.flood.take(time.Now(), floodBurst, floodEvery) > 0
	if flooding || q.refused != nil {
		if s.strikes++; s.strikes >= maxStrikes {
			s.out.finish(CloseAbuse, "abuse")
			s.leave()
			return
		}
	}
	if flooding {
		q.refused = refusedFast.after(time.Second)
	}
	select {
	case s.room.inbox <- q:
	case <-s.room.done:
	}
}

// leave takes the viewer out of the room. Again is no harm.
func (s *socket) leave() {
	if s.viewer == nil {
		return
	}
	select {
	case s.room.inbox <- leave{s.viewer}:
	case <-s.room.done:
	}
	s.viewer = nil
}

// linger lets a close frame reach a peer that is still sending: closing with
// unread bytes would reset the connection and destroy what is on its way.
func (s *socket) linger() {
	c := s.out.Conn
	if half, ok := c.(interface{ CloseWrite() error }); ok && s.out.idle() {
		_ = half.CloseWrite()
	}
	_ = c.SetReadDeadline(time.Now().Add(closeWait))
	_, _ = io.CopyN(io.Discard, c, 16*maxFrame)
}
