package bpm

import (
	"bytes"
	"encoding/binary"
	"time"

	"souk/ingest/flv"
)

// The user data identifiers of the three kinds of metrics.
var (
	idTimes     = []byte("\x0a\xec\xff\xe7\x52\x72\x4e\x2f\xa6\x2f\xd1\x9c\xd6\x1a\x93\xb5")
	idSession   = []byte("\xca\x60\xe7\x1c\x6a\x8b\x43\x88\xa3\x77\x15\x1d\xf7\xbf\x8a\xc2")
	idRendition = []byte("\xf1\xfb\xc1\xd5\x10\x1e\x4f\xb5\xa6\x1e\xb8\xce\x3c\x07\xb8\xc0")
)

// Report is what one key frame tells. Counts are since the report before.
type Report struct {
	Composed time.Time // when the picture was composed, on the encoder's clock
	Encoded  time.Time // when its encoding was done

	Session   Session
	Rendition Rendition
}

// Session counts the frames of the whole program.
type Session struct {
	Rendered uint32
	Lagged   uint32 // the compositor was too slow
	Dropped  uint32 // the network was
	Output   uint32
}

// Rendition counts the frames of the encoder of one track.
type Rendition struct {
	Input   uint32
	Skipped uint32 // the encoder was too slow
	Output  uint32
}

// Read looks for metrics among the units of an access unit, and reports whether
// there were any.
func Read(codec flv.Codec, units [][]byte) (r Report, found bool) {
	for _, u := range units {
		switch {
		case len(u) == 0:
		case codec == flv.AV1 && flv.IsMetadata(u):
			// The kind of metadata in front of it takes a byte.
			if b := flv.OBUPayload(u); len(b) > 0 {
				found = r.userData(b[1:]) || found
			}
		case codec != flv.AV1 && flv.IsSEI(codec, u):
			header := 1
			if codec == flv.H265 {
				header = 2
			}
			if len(u) > header {
				found = r.sei(unescape(u[header:])) || found
			}
		}
	}
	return r, found
}

// sei reads the messages of a NAL unit: H.264 section 7.3.2.3.1, H.265 7.3.5.
func (r *Report) sei(b []byte) (found bool) {
	const unregistered = 5
	for len(b) > 2 {
		kind, rest, ok := number(b)
		if !ok {
			return found
		}
		size, rest, ok := number(rest)
		if !ok || size > len(rest) {
			return found
		}
		if kind == unregistered {
			found = r.userData(rest[:size]) || found
		}
		b = rest[size:]
	}
	return found
}

// number reads a number that is a row of 255s and a last byte.
func number(b []byte) (n int, rest []byte, ok bool) {
	for i, v := range b {
		n += int(v)
		if v != 255 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// unescape removes the bytes that keep start codes out of a NAL unit.
func unescape(b []byte) []byte {
	if !bytes.Contains(b, []byte{0, 0, 3}) {
		return b
	}
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, v := range b {
		if zeros >= 2 && v == 3 {
			zeros = 0
			continue
		}
		if v == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, v)
	}
	return out
}

// userData reads what follows an identifier: a number of times and, but for the
// first kind, a number of counts. Both numbers are one less than written.
func (r *Report) userData(b []byte) bool {
	if len(b) < len(idTimes)+1 {
		return false
	}
	id, b := b[:len(idTimes)], b[len(idTimes):]
	switch {
	case bytes.Equal(id, idTimes):
		_, ok := times(b, func(event byte, t time.Time) {
			switch event {
			case 1:
				r.Composed = t
			case 3:
				r.Encoded = t
			}
		})
		return ok
	case bytes.Equal(id, idSession):
		s := &r.Session
		return counts(b, &s.Rendered, &s.Lagged, &s.Dropped, &s.Output)
	case bytes.Equal(id, idRendition):
		return counts(b, &r.Rendition.Input, &r.Rendition.Skipped, &r.Rendition.Output)
	}
	return false
}

// times reads a row of times. Those that are not written as text are told
// apart by their type and skipped.
func times(b []byte, each func(event byte, t time.Time)) (rest []byte, ok bool) {
	const text, number64a, number64b = 1, 2, 3
	if len(b) == 0 {
		return nil, false
	}
	n := int(b[0]&15) + 1
	b = b[1:]
	for range n {
		if len(b) < 2 {
			return nil, false
		}
		form, event := b[0], b[1]
		b = b[2:]
		switch form {
		case text:
			end := bytes.IndexByte(b, 0)
			if end < 0 {
				return nil, false
			}
			if t, err := time.Parse(time.RFC3339Nano, string(b[:end])); err == nil {
				each(event, t)
			}
			b = b[end+1:]
		case number64a, number64b:
			if len(b) < 8 {
				return nil, false
			}
			b = b[8:]
		default:
			return nil, false
		}
	}
	return b, true
}

// counts skips the times and reads the counts tagged 1, 2 and so on.
func counts(b []byte, to ...*uint32) bool {
	b, ok := times(b, func(byte, time.Time) {})
	if !ok || len(b) == 0 {
		return false
	}
	n := int(b[0]&15) + 1
	b = b[1:]
	for range n {
		if len(b) < 5 {
			return false
		}
		if i := int(b[0]) - 1; i >= 0 && i < len(to) {
			*to[i] = binary.BigEndian.Uint32(b[1:])
		}
		b = b[5:]
	}
	return true
}
