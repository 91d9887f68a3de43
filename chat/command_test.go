package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"
)

// loneRoom is a room without its goroutine, for a test that plays it: what is
// stored stays in the scribe, what is sent goes to a peer that takes nothing.
func loneRoom(t testing.TB) (*room, func(Person) *viewer) {
	h := &Hub{Log: &MemLog{}, Logger: slog.New(slog.DiscardHandler)}
	r := newRoom(h, "tea")
	state, err := h.Log.Open(context.Background(), "tea")
	if err != nil {
		t.Fatal(err)
	}
	r.begin(state)
	r.scribe = newScribe(h.Log, "tea", h.Logger, func(uint64) {})
	return r, func(p Person) *viewer {
		mine, theirs := net.Pipe()
		o := newOutlet(mine, &h.wg, &h.count.slow)
		o.upgraded(func() {})
		v := &viewer{person: p, out: o, slot: -1}
		r.add(v)
		t.Cleanup(func() { _ = theirs.Close(); o.hangUp() })
		return v
	}
}

// FuzzCommand plays a room with one client frame, from somebody who may do
// everything and from somebody who may only talk. Whatever the frame, the room
// answers with valid JSON and keeps nothing that may not be kept.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{
		`{"id":1,"do":"say","text":"hi"}`, `{"id":"x","do":"ask","text":"\u202e4242424242424242"}`,
		`{"do":"react","kind":"fire","n":3}`, `{"do":"delete","message":"m"}`, `{"do":"ban","user":"u\u0000"}`,
		`{"do":"timeout","user":"ana","seconds":1e3}`, `{"do":"slow","seconds":-1}`, `{"do":"notice","text":"t"}`,
		`{"do":"unban","user":"ana"}`, `{"id":{}}`, `{"id":-}`, `[]`, ``, `{"do":"say","text":"` + strings.Repeat("e\\u0301", 310) + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		r, enter := loneRoom(t)
		own := enter(Person{ID: "own", Roles: []string{roleOwner}})
		ana := enter(Person{ID: "ana", Name: "Ana"})
		for _, v := range []*viewer{own, ana} {
			c, no := parse(frame)
			before := r.ring.last
			q := request{v: v, command: c, refused: no}
			var done outcome
			if no == nil {
				done, no = r.do(v, c)
			}
			if no != nil && r.ring.last != before {
				t.Errorf("refused with %s, and yet numbered", no.code)
			}
			if event := replyEvent(q.command.ID, done.message, no); !json.Valid(event) {
				t.Errorf("the reply is %s", event)
			}
		}
		for _, e := range r.ring.entries {
			if b := e.appendTo(nil); !json.Valid(b) || bytes.ContainsRune(b, 0) || len(b) > 4*maxFrame {
				t.Errorf("the room keeps %s", b)
			}
			var s spoken
			if json.Unmarshal(e.Data, &s) == nil && strings.ContainsFunc(s.Text, unicode.IsControl) {
				t.Errorf("the room keeps %q", s.Text)
			}
		}
		for user := range r.sanctions {
			if !validUser(user) {
				t.Errorf("the room keeps the person %q", user)
			}
		}
	})
}

func TestFrameHeader(t *testing.T) {
	for n, want := range map[int][]byte{
		0:       {opText, 0},
		125:     {opText, 125},
		126:     {opText, 126, 0, 126},
		0xffff:  {opText, 126, 0xff, 0xff},
		0x10000: {opText, 127, 0, 0, 0, 0, 0, 1, 0, 0},
	} {
		if got := appendHeader(nil, opText, n); !bytes.Equal(got, want) {
			t.Errorf("header for %d bytes: % x", n, got)
		}
	}
	for _, events := range [][][]byte{nil, {[]byte("1")}, {[]byte("1"), []byte("2"), []byte("3")}} {
		frame := textFrame(events...)
		if int(frame[1]) != len(frame)-2 || !json.Valid(frame[2:]) {
			t.Errorf("%d events: %q", len(events), frame)
		}
	}
}

func TestEventJSON(t *testing.T) {
	at := time.Date(2026, 11, 20, 20, 0, 0, 120_900_000, time.FixedZone("", 3600))
	for want, s := range map[string]stamp{
		`{"type":"x","data":{}}`:                                         {},
		`{"type":"x","epoch":"7f3a","seq":0,"data":{}}`:                  {epoch: "7f3a"},
		`{"type":"x","seq":7,"at":"2026-11-20T19:00:00.120Z","data":{}}`: {seq: 7, at: at},
		`{"type":"x","media_at":"2026-11-20T19:00:00.120Z","data":{}}`:   {mediaAt: at},
	} {
		if got := string(appendEvent(nil, "x", s, json.RawMessage("{}"))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
