package chat

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// FuzzClientFrames gives a room whatever bytes a client may send, as somebody
// who may do everything and as a guest who may do little. Whatever they are,
// the room answers each frame once, and what it keeps and sends is JSON.
func FuzzClientFrames(f *testing.F) {
	for do := range speech {
		f.Add([]byte(`{"id":1,"do":"`+do+`","text":"hi","message":"m","kind":"heart","n":3,"product":"p"}`), true)
	}
	for do := range moderation {
		f.Add([]byte(`{"id":"x","do":"`+do+`","text":"hi","message":"m","user":"g","seconds":5,"pinned":true}`), true)
	}
	f.Add([]byte("{\"do\":\"say\",\"text\":\"\u202e4111 1111 1111 1111\u0300\u0300\u0300\u0300\u0300\u0300\"}"), false)
	f.Add([]byte(`[]`), false)
	f.Fuzz(func(t *testing.T, frame []byte, host bool) {
		if len(frame) > maxFrame || !utf8.Valid(frame) {
			return // the socket refuses those
		}
		h := &Hub{Log: &MemLog{}, Logger: slog.New(slog.DiscardHandler)}
		r := newRoom(h, "tea")
		r.scribe = newScribe(h.Log, "tea", h.Logger, func(uint64) {})
		r.begin(State{Epoch: "e", Settings: DefaultSettings()})
		p := Person{ID: "g", Name: "Guest", Guest: true, Network: "n", Device: "d"}
		if host {
			p = Person{ID: "h", Name: "Host", Roles: []string{roleHost}}
		}
		sent, draining := &sink{}, &sync.WaitGroup{}
		v := &viewer{person: p, out: newOutlet(sent, draining, &h.count.slow), slot: -1}
		v.out.upgraded(func() {})
		r.add(v)
		for range 2 { // the second time finds what the first left
			q := request{v: v}
			q.command, q.refused = parse(frame)
			q.deliver(r)
			if q.refused == nil && len(r.awaiting) > 0 {
				stored{ticket: r.scribe.await()}.deliver(r)
			}
		}
		r.flush()
		for draining.Wait(); v.slot >= 0 && (len(v.queue) > 0 || v.next != r.ring.next()); draining.Wait() {
			r.feed(v) // what the room does when the socket takes more
		}
		for _, e := range r.ring.entries {
			if !json.Valid(e.Data) || bytes.Contains(e.Data, []byte("4111111111111111")) {
				t.Fatalf("kept %s", e.Data)
			}
		}
		replies := 0
		for _, payload := range sent.frames(t) {
			var events []struct {
				Type string
				Data json.RawMessage
			}
			if err := json.Unmarshal(payload, &events); err != nil {
				t.Fatalf("sent %q: %v", payload, err)
			}
			for _, e := range events {
				if e.Type == "reply" {
					replies++
				}
			}
		}
		if v.slot >= 0 && replies != 2 {
			t.Fatalf("%d replies to two frames", replies)
		}
	})
}

// sink is a connection that takes everything.
type sink struct {
	net.Conn
	mu   sync.Mutex
	took bytes.Buffer
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.took.Write(p)
}
func (s *sink) Close() error                     { return nil }
func (s *sink) SetDeadline(time.Time) error      { return nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// frames takes apart what was written: whole text frames, nothing masked.
func (s *sink) frames(t *testing.T) (payloads [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := s.took.Bytes(); len(b) > 0; {
		n, head := int(b[1]), 2
		switch n {
		case 126:
			n, head = int(b[2])<<8|int(b[3]), 4
		case 127:
			n, head = int(b[6])<<24|int(b[7])<<16|int(b[8])<<8|int(b[9]), 10
		}
		if b[0]&0x0f == websocket.TextMessage {
			payloads = append(payloads, b[head:head+n])
		}
		b = b[head+n:]
	}
	return payloads
}
