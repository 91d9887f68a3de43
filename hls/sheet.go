package hls

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"time"
)

var errSheet = errors.New("hls: unreadable media playlist of a source")

// sheet is what a tap needs of a media playlist. It is read anew for every part, so that it keeps its memory and points
// into the text instead of copying it.
type sheet struct {
	text     bytes.Buffer
	init     string // URI of the init section
	first    uint64 // sequence number of segments[0]
	segments []sheetSegment
	parts    []sheetPart // of all segments that list theirs, and the tail's
	tail     int         // parts[tail:] are of the segment that is not complete
}

// sheetSegment is a complete segment.
type sheetSegment struct {
	gap      bool
	from, to int // its parts
}

// sheetPart is one EXT-X-PART.
type sheetPart struct {
	uri         []byte // good until the next scan
	duration    time.Duration
	independent bool
}

// scan reads the text. Tags that do not matter are passed over.
func (m *sheet) scan() error {
	m.segments, m.parts, m.first, m.tail = m.segments[:0], m.parts[:0], 0, 0
	gap := false
	for rest := m.text.Bytes(); len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(line) == 0:
		case line[0] != '#':
			m.segments = append(m.segments, sheetSegment{gap: gap, from: m.tail, to: len(m.parts)})
			gap, m.tail = false, len(m.parts)
		case string(name) == "#EXT-X-MEDIA-SEQUENCE":
			n, ok := canonical(string(value))
			if !ok || n > math.MaxInt64 {
				return errSheet
			}
			m.first = n
		case string(name) == "#EXT-X-GAP":
			gap = true
		case string(name) == "#EXT-X-MAP":
			if m.init == "" { // it never changes
				m.init = string(attributeOf(value, "URI"))
			}
		case string(name) == "#EXT-X-PART":
			p := sheetPart{uri: attributeOf(value, "URI"), independent: string(attributeOf(value, "INDEPENDENT")) == "YES"}
			seconds, err := strconv.ParseFloat(string(attributeOf(value, "DURATION")), 64)
			if err != nil || seconds < 0 || seconds > maxPartSeconds || len(p.uri) == 0 {
				return errSheet
			}
			p.duration = time.Duration(seconds * float64(time.Second))
			m.parts = append(m.parts, p)
		}
	}
	return nil
}

// maxPartSeconds is far beyond any part, and far below what a duration holds.
const maxPartSeconds = 3600

// partsOf lists the parts of one segment, complete or not.
func (m *sheet) partsOf(msn uint64) []sheetPart {
	if msn < m.first {
		return nil
	}
	switch i, n := msn-m.first, uint64(len(m.segments)); {
	case i == n:
		return m.parts[m.tail:]
	case i < n:
		return m.parts[m.segments[i].from:m.segments[i].to]
	}
	return nil
}

// attributeOf returns the value of one attribute of an attribute list, without its quotes (RFC 8216bis section 4.2).
func attributeOf(list []byte, name string) []byte {
	for len(list) > 0 {
		key, rest, _ := bytes.Cut(list, []byte("="))
		var value []byte
		if len(rest) > 0 && rest[0] == '"' {
			value, rest, _ = bytes.Cut(rest[1:], []byte(`"`))
			rest = bytes.TrimPrefix(rest, []byte(","))
		} else {
			value, rest, _ = bytes.Cut(rest, []byte(","))
		}
		if string(key) == name {
			return value
		}
		list = rest
	}
	return nil
}
