package hls

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// watcher is a suspicious viewer: it looks at every view of a stream and checks each against all that came before.
type watcher struct {
	t     testing.TB
	st    *Stream
	track int

	constants string             // header lines that must never change
	sequence  uint64             // MEDIA-SEQUENCE
	bodies    map[string]*object // by URI
	breaks    map[uint64]uint64
	dates     map[uint64]time.Time
	all       []seenSegment // complete ones, in order of their number
	overlong  int           // parts longer than PART-TARGET
	seen      *view
}

// seenSegment is what a playlist said of a complete segment.
type seenSegment struct {
	msn           uint64
	date          time.Time
	duration      time.Duration
	discontinuity bool
	gap           bool // the rendition had nothing for it
	uri, init     string
}

func watch(t testing.TB, st *Stream) *watcher {
	return &watcher{t: t, st: st, bodies: map[string]*object{}, breaks: map[uint64]uint64{}, dates: map[uint64]time.Time{}}
}

// write plays the frames and looks after each.
func (w *watcher) write(s *Session, frames []Frame, start time.Time) {
	w.t.Helper()
	for i, f := range frames {
		if f.Arrived.IsZero() {
			f.Arrived = start.Add(f.DTS)
		}
		if err := s.Write(f); err != nil {
			w.t.Fatalf("frame %d: %v", i, err)
		}
		w.look()
	}
}

var constantLines = regexp.MustCompile(`(?m)^#EXT-X-(TARGETDURATION|SERVER-CONTROL|PART-INF|VERSION).*\n`)

// look checks the newest view.
func (w *watcher) look() {
	w.t.Helper()
	v := w.st.timeline.look(w.track)
	if v == nil || v == w.seen || v.media == nil {
		return
	}
	w.seen = v
	text := string(v.media.plain)
	fail := func(format string, args ...any) {
		w.t.Helper()
		w.t.Fatalf(format+"\n%s", append(args, text)...)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if last := lines[len(lines)-1]; v.ended != (last == "#EXT-X-ENDLIST") || !v.ended && !strings.HasPrefix(last, "#EXT-X-PRELOAD-HINT:") {
		fail("last line is %q", last)
	}
	if c := strings.Join(constantLines.FindAllString(text, -1), ""); w.constants == "" {
		w.constants = c
	} else if c != w.constants {
		fail("constants changed from\n%s", w.constants)
	}

	var msn, breaks uint64
	var date time.Time
	var breaking, gap bool
	var init string
	target, parts := 0, 0
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "#EXT-X-TARGETDURATION":
			target, _ = strconv.Atoi(value)
		case "#EXT-X-MEDIA-SEQUENCE":
			msn, _ = strconv.ParseUint(value, 10, 64)
			if msn < w.sequence {
				fail("media sequence went back from %d", w.sequence)
			}
			w.sequence = msn
		case "#EXT-X-DISCONTINUITY-SEQUENCE":
			breaks, _ = strconv.ParseUint(value, 10, 64)
		case "#EXT-X-DISCONTINUITY":
			breaks++
			breaking = true
		case "#EXT-X-MAP":
			init = attribute(line, "URI")
			w.same(fail, init, v)
		case "#EXT-X-PROGRAM-DATE-TIME":
			var err error
			if date, err = time.Parse(dateFormat, value); err != nil {
				fail("date: %v", err)
			}
		case "#EXT-X-PART":
			d, _ := strconv.ParseFloat(attribute(line, "DURATION"), 64)
			if d > partTarget.Seconds() {
				w.overlong++
			}
			if want := fmt.Sprintf("/p%d.%d.mp4", msn, parts); !strings.HasSuffix(attribute(line, "URI"), want) {
				fail("part %s where %s was due", line, want)
			}
			w.same(fail, attribute(line, "URI"), v)
			parts++
		case "#EXT-X-GAP":
			gap = true
		case "#EXTINF":
			d, _ := strconv.ParseFloat(strings.TrimSuffix(value, ","), 64)
			if int(d+0.5) > target {
				fail("segment of %f s with a target of %d", d, target)
			}
			seg := seenSegment{msn: msn, date: date, duration: time.Duration(d * float64(time.Second)), discontinuity: breaking, init: init, gap: gap}
			w.segment(fail, seg, breaks)
			breaking, parts = false, 0
		case "#EXT-X-PRELOAD-HINT":
			if want := fmt.Sprintf("/p%d.%d.mp4", msn, parts); !strings.HasSuffix(attribute(line, "URI"), want) {
				fail("hint %s where %s was due", line, want)
			}
			if o, hinted := v.mustFind(attribute(line, "URI")); o != nil || !hinted {
				fail("hinted part is there already, or not waited for")
			}
		default:
			if !strings.HasPrefix(line, "#") {
				if !gap {
					w.same(fail, line, v)
				}
				gap = false
				w.all[len(w.all)-1-int(w.all[len(w.all)-1].msn-msn)].uri = line
				msn++
				date = time.Time{}
			}
		}
	}
}

// segment checks that a complete segment is new or what it was.
func (w *watcher) segment(fail func(string, ...any), s seenSegment, breaks uint64) {
	w.t.Helper()
	if s.date.IsZero() {
		fail("segment %d without a date", s.msn)
	}
	if old, ok := w.breaks[s.msn]; ok {
		if old != breaks {
			fail("segment %d moved from discontinuity %d to %d", s.msn, old, breaks)
		}
		if !w.dates[s.msn].Equal(s.date) {
			fail("segment %d moved from %v", s.msn, w.dates[s.msn])
		}
		return
	}
	if n := len(w.all); n > 0 {
		before := w.all[n-1]
		if s.msn != before.msn+1 {
			fail("segment %d follows %d", s.msn, before.msn)
		}
		if !s.date.After(before.date) {
			fail("date of segment %d went back from %v", s.msn, before.date)
		}
		hole := s.date.Sub(before.date.Add(before.duration)) > partTarget // all renditions were away
		if s.init != before.init && !s.discontinuity && !before.gap && !hole {
			fail("segment %d has another init section without a discontinuity", s.msn)
		}
	}
	w.breaks[s.msn], w.dates[s.msn] = breaks, s.date
	w.all = append(w.all, s)
}

// same checks that a URI leads to something, and always to the same.
func (w *watcher) same(fail func(string, ...any), uri string, v *view) {
	w.t.Helper()
	o, _ := v.mustFind(uri)
	if o == nil {
		fail("%s is not there", uri)
		return
	}
	if old, ok := w.bodies[uri]; ok && old != o {
		fail("%s was reused", uri)
	}
	w.bodies[uri] = o
}

func (v *view) mustFind(uri string) (*object, bool) {
	epoch, _, _ := strings.Cut(uri, "/")
	n, ok := parseName(epoch, uri)
	if !ok {
		return nil, false
	}
	return v.find(n)
}

// attribute reads one attribute of a tag.
func attribute(line, name string) string {
	i := strings.Index(line, ":"+name+"=")
	if i < 0 {
		i = strings.Index(line, ","+name+"=")
	}
	if i < 0 {
		return ""
	}
	rest := line[i+len(name)+2:]
	if strings.HasPrefix(rest, `"`) {
		rest, _, _ = strings.Cut(rest[1:], `"`)
		return rest
	}
	rest, _, _ = strings.Cut(rest, ",")
	return rest
}

// discontinuities lists the numbers of the segments that start with one.
func (w *watcher) discontinuities() []uint64 {
	var out []uint64
	for _, s := range w.all {
		if s.discontinuity {
			out = append(out, s.msn)
		}
	}
	return out
}

// media is the sum of all complete segments.
func (w *watcher) media() (d time.Duration) {
	for _, s := range w.all {
		if !s.gap {
			d += s.duration
		}
	}
	return d
}

func (w *watcher) wantBreaks(n int) {
	w.t.Helper()
	if got := w.discontinuities(); len(got) != n {
		w.t.Fatalf("discontinuities at %v, want %d of them", got, n)
	}
}

func (w *watcher) wantMedia(least time.Duration) {
	w.t.Helper()
	if got := w.media(); got < least {
		w.t.Fatalf("%v of media in complete segments, want %v at least", got, least)
	}
}

func shifted(frames []Frame, by time.Duration) []Frame {
	out := slices.Clone(frames)
	for i := range out {
		out[i].PTS += by
		out[i].DTS += by
	}
	return out
}
