package hls

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// view is everything viewers can ask of a timeline at one instant. It never changes; next is closed once there is a
// newer one.
type view struct {
	segments []*segment // complete and readable, oldest first; the newest of them are the window
	tail     tail
	media    *text // live.m3u8 or its like, nil until there is a part
	index    *text // index.m3u8, nil until there is a segment to measure

	target    time.Duration // TARGETDURATION
	publisher bool          // an encoder is on
	ended     bool
	off       bool // the rendition is not offered any more, or not yet
	next      chan struct{}
}

// tail is the segment that is being filled.
type tail struct {
	msn   uint64
	head  *head // nil while there are no parts
	parts []*part
}

// playable reports whether there is a first segment. From then on it stays so.
func (v *view) playable() bool { return v.index != nil }

// has reports whether the view holds the part, or the whole segment when whole is set. A part past the end of a
// complete segment stands for the first one of the next (RFC 8216bis section 6.2.5.2).
func (v *view) has(msn uint64, part int, whole bool) bool {
	if msn != v.tail.msn {
		if msn > v.tail.msn {
			return false
		}
		if whole {
			return true
		}
		s := v.segment(msn)
		if s == nil || part < len(s.parts) {
			return true
		}
		if msn+1 < v.tail.msn {
			return true
		}
		part = 0
	}
	return !whole && part < len(v.tail.parts)
}

// segment returns a complete segment, nil when it is gone or still to come.
func (v *view) segment(msn uint64) *segment {
	if len(v.segments) == 0 || msn < v.segments[0].msn {
		return nil
	}
	if i := msn - v.segments[0].msn; i < uint64(len(v.segments)) {
		return v.segments[i]
	}
	return nil
}

// hinted reports whether the part is the one that EXT-X-PRELOAD-HINT names.
func (v *view) hinted(msn uint64, part int) bool {
	return !v.ended && msn == v.tail.msn && part == len(v.tail.parts)
}

// part returns a part, nil when it is gone or still to come.
func (v *view) part(msn uint64, part int) *object {
	list := v.tail.parts
	if msn != v.tail.msn {
		s := v.segment(msn)
		if s == nil {
			return nil
		}
		list = s.parts
	}
	if part >= len(list) {
		return nil
	}
	return list[part].object
}

func (v *view) head(number uint64) *object {
	if h := v.tail.head; h != nil && h.number == number {
		return h.object
	}
	for _, s := range v.segments {
		if s.head.number == number {
			return s.head.object
		}
	}
	return nil
}

// Names of media under the prefix of their rendition.
func segmentName(prefix string, msn uint64) string {
	return prefix + "/g" + strconv.FormatUint(msn, 10) + ".mp4"
}

func partName(prefix string, msn uint64, part int) string {
	return prefix + "/p" + strconv.FormatUint(msn, 10) + "." + strconv.Itoa(part) + ".mp4"
}

func headName(prefix string, number uint64) string {
	return prefix + "/i" + strconv.FormatUint(number, 10) + ".mp4"
}

// mediaName is a parsed name.
type mediaName struct {
	kind   byte // 'g' segment, 'p' part, 'i' init section
	number uint64
	part   int
}

// parseName accepts exactly the spellings that the name functions produce.
func parseName(prefix, file string) (mediaName, bool) {
	rest, ok := strings.CutPrefix(file, prefix)
	if !ok || len(rest) < 3 || rest[0] != '/' {
		return mediaName{}, false
	}
	rest = rest[1:]
	n := mediaName{kind: rest[0]}
	number, ok := strings.CutSuffix(rest[1:], ".mp4")
	if !ok {
		return n, false
	}
	if n.kind == 'p' {
		var k string
		if number, k, ok = strings.Cut(number, "."); !ok {
			return n, false
		}
		v, ok := canonical(k)
		if !ok || v > 1<<20 {
			return n, false
		}
		n.part = int(v)
	}
	n.number, ok = canonical(number)
	return n, ok && (n.kind == 'g' || n.kind == 'p' || n.kind == 'i')
}

// locate tells which rendition a file belongs to, of those that were ever there.
func (t *timeline) locate(file string) (track int, name mediaName, ok bool) {
	for i := range t.renditions {
		if r := &t.renditions[i]; r.view.Load() != nil {
			if name, ok = parseName(r.prefix, file); ok {
				return i, name, true
			}
		}
	}
	return 0, name, false
}

// canonical parses a decimal number without sign or leading zeros.
func canonical(s string) (uint64, bool) {
	if s == "" || s[0] == '+' || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	v, err := strconv.ParseUint(s, 10, 64)
	return v, err == nil
}

// find looks a file up. hint says that it is the part announced next, worth waiting for.
func (v *view) find(n mediaName) (o *object, hint bool) {
	switch n.kind {
	case 'g':
		if s := v.segment(n.number); s != nil {
			return s.object, false
		}
	case 'p':
		return v.part(n.number, n.part), v.hinted(n.number, n.part)
	case 'i':
		return v.head(n.number), false
	}
	return nil, false
}

// until waits for a view of a rendition that satisfies ready and returns the newest one either way: ok is false when the wait ended
// by the limit, the context or closing.
func (t *timeline) until(ctx context.Context, track int, limit time.Duration, ready func(*view) bool) (v *view, ok bool) {
	v = t.look(track)
	if ready(v) || v.ended { // nothing follows a final view
		return v, ready(v)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-v.next:
		case <-ctx.Done():
			return v, false
		case <-timer.C:
			return v, false
		case <-t.closing:
			return v, false
		}
		if v = t.look(track); ready(v) || v.ended {
			return v, ready(v)
		}
	}
}

// tag is the entity tag of one version of a playlist.
func tag(epoch string, version uint64) string {
	return epoch + "-" + strconv.FormatUint(version, 10)
}
