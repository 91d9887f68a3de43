//go:build linux

package main

import (
	"bytes"
	"math/rand/v2"
	"strings"
)

// A stamp in the text of a message says in which run it was sent, which one it
// is and when it should have been sent, in letters: a server may take a run of digits for something
// that must be masked.
const (
	stampMark   = '~'
	stampRun    = 4  // letters
	stampNumber = 8  // letters
	stampTime   = 16 // letters, unix nanoseconds
	stampLen    = 1 + stampRun + stampNumber + stampTime
)

func appendLetters(b []byte, v uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		b = append(b, 'a'+byte(v>>(4*i)&15))
	}
	return b
}

func letters(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<4 | uint64(c-'a')&15
	}
	return v
}

// stamp is what is read from a message.
type stamp struct {
	number int64
	at     int64
}

// newRun names a run: a room's history may hold messages of one before.
func newRun() uint64 { return uint64(rand.Uint32N(1 << (4 * stampRun))) }

// stamps finds all of a run in a frame, in order.
func stamps(run uint64, frame []byte) (found []stamp) {
	for {
		i := bytes.IndexByte(frame, stampMark)
		if i < 0 || len(frame) < i+stampLen {
			return found
		}
		s := frame[i+1:]
		if letters(s[:stampRun]) == run {
			s = s[stampRun:]
			found = append(found, stamp{int64(letters(s[:stampNumber])), int64(letters(s[stampNumber : stampNumber+stampTime]))})
		}
		frame = frame[i+stampLen:]
	}
}

var words = strings.Fields(`the this that is it so very blue red green size large small one two more please how much price ship to when
does colour love want buy now wow great hello from can you show again other side left right back front nice thanks order paid wait sold out stock any`)

// text makes a message's text: a stamp and chat-like words, so that
// compression is neither flattered nor punished.
func text(run uint64, number, at int64, size int) string {
	b := append(make([]byte, 0, size+16), stampMark)
	b = appendLetters(b, run, stampRun)
	b = appendLetters(b, uint64(number), stampNumber)
	b = appendLetters(b, uint64(at), stampTime)
	for len(b) < size {
		b = append(b, ' ')
		b = append(b, words[rand.IntN(len(words))]...)
	}
	return string(b[:max(size, stampLen)])
}
