//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// dialect is how to speak to one kind of server.
type dialect struct {
	path      func(l *load, at position) string        // what a viewer asks for
	talker    func(l *load) string                     // what the one who talks asks for
	hello     func(l *load, at position) []byte        // first frame of a client; nil: none
	say       func(l *load, id int, txt string) []byte // a frame that publishes
	ready     string                                   // in the first frame of whoever is in
	epoch     string                                   // what stands before the epoch in that frame
	seq       string                                   // what stands before a message's number
	refused   string                                   // in the answer to a frame that was not published
	ping      string                                   // a message that must be sent back at once; "": none
	noResumed string                                   // in the first frame of whoever was not given what was missed
}

// position is where a viewer stands.
type position struct {
	epoch string
	seq   int64
}

var dialects = map[string]*dialect{
	"souk": {
		path: func(l *load, at position) string {
			if at.epoch == "" {
				return "/ws/" + url.PathEscape(l.Channel)
			}
			return fmt.Sprintf("/ws/%s?epoch=%s&since=%d", url.PathEscape(l.Channel), url.QueryEscape(at.epoch), at.seq)
		},
		talker: func(l *load) string { return "/ws/" + url.PathEscape(l.Channel) + "?token=" + url.QueryEscape(l.Token) },
		say: func(l *load, id int, txt string) []byte {
			do := "say"
			if l.Urgent {
				do = "notice"
			}
			return must(map[string]any{"id": id, "do": do, "text": txt})
		},
		ready: `"welcome"`, epoch: `"epoch":"`, seq: `"seq":`, refused: `"ok":false`, noResumed: `"resumed":false`,
	},
	"centrifuge": {
		path:   func(*load, position) string { return "/connection" },
		talker: func(*load) string { return "/connection" },
		hello: func(l *load, at position) []byte {
			connect := map[string]any{}
			if at.epoch != "" {
				connect["subs"] = map[string]any{l.Channel: map[string]any{"recover": true, "offset": at.seq, "epoch": at.epoch}}
			}
			return must(map[string]any{"id": 1, "connect": connect})
		},
		say: func(l *load, id int, txt string) []byte {
			return must(map[string]any{"id": id + 2, "publish": map[string]any{"channel": l.Channel, "data": likeSouk(txt)}})
		},
		ready: `"connect"`, epoch: `"epoch":"`, seq: `"offset":`, refused: `"error"`, ping: "{}", noResumed: `"recoverable":false`,
	},
	"bare": {
		path:   func(*load, position) string { return "/" },
		talker: func(*load) string { return "/talk" },
		say:    func(_ *load, _ int, txt string) []byte { return must(likeSouk(txt)) },
		seq:    `"seq":`,
	},
}

// likeSouk is a message with all that souk puts around the text, so that every
// server carries the same.
func likeSouk(txt string) any {
	return map[string]any{"type": "message", "at": "2026-11-20T19:00:00.120Z", "data": map[string]any{
		"id": "01936f2a-7c3e-7000-8000-000000000000", "from": map[string]any{"id": "01936f2a-7c3e-7000-8000-000000000001", "name": "Host", "badges": []string{"host"}},
		"text": txt}}
}

func must(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// number reads the digits at the beginning of b.
func number(b []byte) int64 {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	v, _ := strconv.ParseInt(string(b[:n]), 10, 64)
	return v
}
