package hls

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errOriginal = errors.New("hls: unreadable media playlist of the origin")

// original is what an edge must know of a media playlist that it passes on as it is. URIs are not kept: they are those
// that the numbers make, and a playlist with others is not taken, so that an origin cannot send an edge anywhere else.
type original struct {
	epoch, prefix string
	target        time.Duration
	segments      []originalSegment // the last one is not complete, unless the show has ended
	ended         bool
}

type originalSegment struct {
	msn      uint64
	head     uint64 // number of its init section
	start    time.Time
	duration time.Duration
	parts    []originalPart // none when they are not listed any more
	complete bool
	gap      bool
	breaks   bool // starts with a discontinuity
}

type originalPart struct {
	duration    time.Duration
	independent bool
}

// tail is the segment that comes next or is being filled. It must not be asked of a show that has ended.
func (o *original) tail() *originalSegment { return &o.segments[len(o.segments)-1] }

// mayList reports whether media is listed, or may come to be.
func (o *original) mayList(n mediaName) bool {
	for i := range o.segments {
		switch s := &o.segments[i]; {
		case n.kind == 'i' && s.head == n.number, n.kind == 'p' && s.msn == n.number && n.part < len(s.parts):
			return true
		}
	}
	t := o.tail()
	return n.kind == 'p' && !o.ended && (n.number > t.msn || n.number == t.msn && n.part >= len(t.parts))
}

// readOriginal reads the media playlist of a track.
func readOriginal(playlist []byte, track int) (*original, error) {
	o := &original{}
	var msn uint64
	var ok, hinted bool
	parts := 0
	s := originalSegment{}
	for line := range bytes.Lines(playlist) {
		ok = true
		switch name, value := tagOf(line); name {
		case "#EXT-X-TARGETDURATION":
			o.target = secondsOf(value)
		case "#EXT-X-MEDIA-SEQUENCE":
			msn, ok = canonical(string(value))
		case "#EXT-X-DISCONTINUITY":
			s.breaks = true
		case "#EXT-X-MAP":
			var n mediaName
			n, ok = o.name(string(attributeOf(value, "URI")), track, 'i')
			s.head = n.number
		case "#EXT-X-PROGRAM-DATE-TIME":
			at, err := time.Parse(time.RFC3339Nano, string(value))
			s.start, ok = at, err == nil
		case "#EXT-X-GAP":
			s.gap = true
		case "#EXT-X-PART":
			var n mediaName
			n, ok = o.name(string(attributeOf(value, "URI")), track, 'p')
			parts++
			ok = ok && n.number == msn && n.part == len(s.parts) && parts <= edgeParts
			s.parts = append(s.parts, originalPart{
				secondsOf(attributeOf(value, "DURATION")), string(attributeOf(value, "INDEPENDENT")) == "YES",
			})
		case "#EXTINF":
			s.duration = secondsOf(value)
		case "#EXT-X-PRELOAD-HINT":
			var n mediaName
			n, ok = o.name(string(attributeOf(value, "URI")), track, 'p')
			ok, hinted = ok && n.number == msn && n.part == len(s.parts), true
		case "#EXT-X-ENDLIST":
			o.ended = true
		case "":
			var n mediaName
			n, ok = o.name(string(value), track, 'g')
			ok = ok && n.number == msn && msn < math.MaxInt64
			s.msn, s.complete = msn, true
			o.segments = append(o.segments, s)
			s = originalSegment{head: s.head}
			msn++
		}
		if !ok {
			return nil, errOriginal
		}
	}
	if !o.ended {
		s.msn = msn
		o.segments = append(o.segments, s)
	}
	if o.prefix == "" || o.target <= 0 || hinted == o.ended || len(o.segments) == 0 {
		return nil, errOriginal
	}
	return o, nil
}

// name reads a URI, which must be of the same epoch as those before.
func (o *original) name(uri string, track int, kind byte) (mediaName, bool) {
	if o.prefix == "" {
		prefix, _, _ := strings.Cut(uri, "/")
		o.epoch = prefix
		if track > 0 {
			o.epoch = strings.TrimSuffix(prefix, "-"+strconv.Itoa(track))
		}
		if prefix = prefixOf(o.epoch, track); !epochName(o.epoch) {
			return mediaName{}, false
		}
		o.prefix = prefix
	}
	n, ok := parseName(o.prefix, uri)
	return n, ok && n.kind == kind
}

// epochName reports whether a timeline may be named so.
func epochName(s string) bool {
	if len(s) < 2 || len(s) > 32 || s[0] != 'g' {
		return false
	}
	return strings.IndexFunc(s, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'z') }) < 0
}

// readIndex reads what a multivariant playlist says of the renditions.
func readIndex(playlist []byte) (listed [maxTracks]*head) {
	var next *head
	for line := range bytes.Lines(playlist) {
		switch name, value := tagOf(line); name {
		case "#EXT-X-STREAM-INF":
			next = &head{codecs: strings.Split(string(attributeOf(value, "CODECS")), ",")}
			width, height, _ := strings.Cut(string(attributeOf(value, "RESOLUTION")), "x")
			next.width, _ = strconv.Atoi(width) // 0 for audio alone
			next.height, _ = strconv.Atoi(height)
			next.frameRate, _ = strconv.ParseFloat(string(attributeOf(value, "FRAME-RATE")), 64)
		case "":
			if track, ok := trackOf(string(value)); ok && next != nil {
				listed[track] = next
			}
			next = nil
		}
	}
	return listed
}
