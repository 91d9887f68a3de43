package hls

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// golden compares a text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it)\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// script drives a timeline with invented parts.
type script struct {
	*timeline
	now time.Time // date of the next part
}

func newScript(started time.Time) *script {
	t := newTimeline(started, epoch, make(chan struct{}))
	t.name("gtest")
	t.change(func() {})
	return &script{timeline: t, now: epoch}
}

func (s *script) run(codecs ...string) {
	s.begin(0, [maxTracks]bool{true})
	s.open(0, &head{codecs: codecs, video: len(codecs) > 1, width: 1280, height: 720, frameRate: 30}, []byte("init"))
}

// part adds parts of 200 ms, the first one independent; last says that they complete a segment.
func (s *script) part(n int, last bool) {
	for i := range n {
		s.add(0, []dated{{at: s.now, piece: piece{
			body: fmt.Appendf(nil, "%v;", s.now.Sub(epoch)), duration: 200 * time.Millisecond,
			independent: i == 0, last: last && i == n-1,
		}}})
		s.now = s.now.Add(200 * time.Millisecond)
	}
}

func (s *script) segments(n int) {
	for range n {
		s.part(5, true)
	}
}

func (s *script) playlist() string {
	v := s.look(0)
	if v.media == nil {
		return "(nothing)\n"
	}
	return string(v.media.plain)
}

// The playlists of a show's life, as players get them.
func TestPlaylists(t *testing.T) {
	pin := DateRange{ID: "pin-1", Class: "live.souk.pin", Start: epoch.Add(1500 * time.Millisecond),
		Attrs: []Attr{{"PRODUCT-ID", "42"}, {"PRICE", "1250"}, {"CURRENCY", "USD"}}}
	for name, play := range map[string]func(s *script){
		"nothing_yet":       func(s *script) { s.join() },
		"first_segment":     func(s *script) { s.join(); s.run("avc1.42c01f", "mp4a.40.2"); s.segments(1) },
		"parts_of_the_tail": func(s *script) { s.join(); s.run("avc1.42c01f", "mp4a.40.2"); s.segments(3); s.part(3, false) },
		"window_slides":     func(s *script) { s.join(); s.run("avc1.42c01f", "mp4a.40.2"); s.segments(25); s.part(1, false) },
		"encoder_gone": func(s *script) {
			s.join()
			s.run("avc1.42c01f", "mp4a.40.2")
			s.segments(2)
			s.part(2, false)
			s.leave(false)
		},
		"encoder_back": func(s *script) {
			s.join()
			s.run("avc1.42c01f", "mp4a.40.2")
			s.segments(2)
			s.part(2, false)
			s.leave(false)
			s.now = s.now.Add(20 * time.Second)
			s.join()
			s.run("avc1.64001f", "mp4a.40.2")
			s.segments(1)
			s.part(1, false)
		},
		"discontinuity_slid_out": func(s *script) {
			s.join()
			for range 3 {
				s.run("avc1.42c01f", "mp4a.40.2")
				s.segments(9)
			}
		},
		"tail_breaks": func(s *script) {
			s.run("avc1.42c01f", "mp4a.40.2")
			s.segments(1)
			s.run("avc1.42c01f")
			s.part(2, false)
		},
		"pinned":   func(s *script) { s.run("avc1.42c01f", "mp4a.40.2"); s.segments(3); s.mark(pin) },
		"unpinned": func(s *script) { s.run("avc1.42c01f", "mp4a.40.2"); s.segments(3); s.mark(pin); s.mark(closed(pin, 3)) },
		"pin_slid_out": func(s *script) {
			s.run("avc1.42c01f", "mp4a.40.2")
			s.mark(pin)
			s.mark(closed(pin, 3))
			s.segments(20)
		},
		"ended": func(s *script) {
			s.join()
			s.run("avc1.42c01f", "mp4a.40.2")
			s.segments(2)
			s.part(2, false)
			s.finish()
		},
		"long_key_frame_interval": func(s *script) {
			s.run("avc1.42c01f", "mp4a.40.2")
			var first []dated
			for i := range 42 {
				first = append(first, dated{at: s.now, piece: piece{body: []byte{1}, duration: 200 * time.Millisecond, independent: i == 0, last: i == 41}})
				s.now = s.now.Add(200 * time.Millisecond)
			}
			s.add(0, first)
		},
		"key_frames_stop": func(s *script) { s.run("avc1.42c01f", "mp4a.40.2"); s.segments(1); s.part(31, false) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(epoch)
			play(s)
			golden(t, name, s.playlist())
		})
	}
}

func closed(r DateRange, seconds int) DateRange {
	return DateRange{ID: r.ID, Start: r.Start, End: epoch.Add(time.Duration(seconds) * time.Second)}
}

func TestIndex(t *testing.T) {
	s := newScript(epoch)
	if s.look(0).index != nil {
		t.Fatal("multivariant playlist before there is anything to play")
	}
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(1)
	first := s.look(0).index
	golden(t, "index", string(first.plain))
	s.segments(5)
	if s.look(0).index != first {
		t.Error("multivariant playlist changed within a run")
	}
	s.run("mp4a.40.2")
	h := s.renditions[0].head
	h.width, h.height, h.frameRate = 0, 0, 0
	s.segments(1)
	golden(t, "index_audio", string(s.look(0).index.plain))
}

// A process that takes up a running show must not use a number again, nor start anywhere but at zero for a new one.
func TestNumbersGoOnAfterRestart(t *testing.T) {
	if s := newScript(epoch); s.next != 0 || s.breaks != 0 {
		t.Errorf("new show starts at %d, discontinuity %d", s.next, s.breaks)
	}
	if s := newScript(time.Time{}); s.next != 0 {
		t.Errorf("show without a start starts at %d", s.next)
	}
	if s := newScript(epoch.Add(time.Minute)); s.next != 0 {
		t.Errorf("show that starts later starts at %d", s.next)
	}
	before := newScript(epoch)
	for range 100 { // the worst: an encoder that drops after each first segment
		before.run("avc1.42c01f")
		before.part(4, true)
		before.part(1, false)
		before.leave(false)
	}
	age := before.now.Sub(epoch)
	after := newScript(epoch.Add(-age))
	if after.next < before.next || after.breaks < before.breaks {
		t.Errorf("after %v: sequence %d → %d, discontinuity %d → %d", age, before.next, after.next, before.breaks, after.breaks)
	}
}

// What was in a playlist stays readable for one more window, then goes.
func TestExpiry(t *testing.T) {
	s := newScript(epoch)
	s.run("avc1.42c01f", "mp4a.40.2")
	s.segments(1)
	find := func(uri string) bool { o, _ := s.look(0).mustFind(uri); return o != nil }
	inList := func(uri string) bool { return containsLine(s.playlist(), uri) }
	uri := "gtest/g0.mp4"
	for n := 1; n < 100; n++ {
		s.segments(1)
		listed, readable := inList(uri), find(uri) && find("gtest/p0.0.mp4")
		switch {
		case listed && !readable:
			t.Fatalf("listed but not readable after %d s", n)
		case n == 22 && (listed || !readable):
			t.Fatalf("after %d s: listed %v, readable %v", n, listed, readable)
		case n >= 36 && readable:
			t.Fatalf("still readable after %d s", n)
		}
	}
	if n := len(s.renditions[0].done); n > 36 {
		t.Errorf("%d segments kept", n)
	}
}

// Memory is bounded whatever the bit rate.
func TestExpiryBySize(t *testing.T) {
	s := newScript(epoch)
	s.run("avc1.42c01f", "mp4a.40.2")
	body := make([]byte, 20<<20)
	for range 30 {
		s.add(0, []dated{{at: s.now, piece: piece{body: body, duration: time.Second, independent: true, last: true}}})
		s.now = s.now.Add(time.Second)
	}
	if kept := len(s.renditions[0].done) - s.renditions[0].expired; kept != 6 {
		t.Errorf("%d segments in the window", kept)
	}
	if s.renditions[0].expired*len(body) > readableBytes {
		t.Errorf("%d bytes of expired segments kept", s.renditions[0].expired*len(body))
	}
}

func TestDateRanges(t *testing.T) {
	long := make([]Attr, maxAttrs+10)
	for i := range long {
		long[i] = Attr{fmt.Sprint("A", i), "v"}
	}
	for name, tt := range map[string]struct {
		r    DateRange
		want string
	}{
		"plain":         {DateRange{ID: "a", Class: "c", Start: epoch}, `#EXT-X-DATERANGE:ID="a",CLASS="c",START-DATE="2026-11-20T19:00:00.000Z"` + "\n"},
		"no class":      {DateRange{ID: "a", Start: epoch}, `#EXT-X-DATERANGE:ID="a",START-DATE="2026-11-20T19:00:00.000Z"` + "\n"},
		"local time":    {DateRange{ID: "a", Start: epoch.In(time.FixedZone("", 7*3600))}, `#EXT-X-DATERANGE:ID="a",START-DATE="2026-11-20T19:00:00.000Z"` + "\n"},
		"with end":      {DateRange{ID: "a", Start: epoch, End: epoch.Add(time.Second)}, `#EXT-X-DATERANGE:ID="a",START-DATE="2026-11-20T19:00:00.000Z",END-DATE="2026-11-20T19:00:01.000Z"` + "\n"},
		"end first":     {DateRange{ID: "a", Start: epoch, End: epoch.Add(-time.Second)}, `#EXT-X-DATERANGE:ID="a",START-DATE="2026-11-20T19:00:00.000Z",END-DATE="2026-11-20T19:00:00.000Z"` + "\n"},
		"hostile text":  {DateRange{ID: "a\"\n#EXT-X-ENDLIST", Class: "c\r\"", Start: epoch, Attrs: []Attr{{"T\nX", "1\"\n2"}, {"\n", "x"}}}, `#EXT-X-DATERANGE:ID="a'#EXT-X-ENDLIST",CLASS="c'",START-DATE="2026-11-20T19:00:00.000Z",X-TX="1'2"` + "\n"},
		"prefixed name": {DateRange{ID: "a", Start: epoch, Attrs: []Attr{{"x-price", "1"}}}, `#EXT-X-DATERANGE:ID="a",START-DATE="2026-11-20T19:00:00.000Z",X-PRICE="1"` + "\n"},
		"no id":         {DateRange{Start: epoch}, ""},
		"no start":      {DateRange{ID: "a"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, ok := tt.r.tidy()
			got := ""
			if ok {
				got = string(r.append(nil))
			}
			if got != tt.want {
				t.Errorf("got %s want %s", got, tt.want)
			}
		})
	}
	if r, _ := (DateRange{ID: "a", Start: epoch, Attrs: long}).tidy(); len(r.Attrs) != maxAttrs {
		t.Errorf("%d attributes", len(r.Attrs))
	}
}

// Of many ranges the closed ones go first: what is pinned now must stay.
func TestDateRangeLimit(t *testing.T) {
	s := newScript(epoch)
	s.run("avc1.42c01f")
	s.segments(1)
	s.mark(DateRange{ID: "open", Start: epoch})
	for i := range 2 * maxDateRanges {
		s.mark(DateRange{ID: fmt.Sprint(i), Start: epoch, End: epoch.Add(time.Hour)})
	}
	if len(s.ranges) != maxDateRanges || s.ranges[0].ID != "open" {
		t.Errorf("%d ranges, first is %q", len(s.ranges), s.ranges[0].ID)
	}
}

// An end, once given, and everything else stay as they were first shown.
func TestDateRangeNeverChanges(t *testing.T) {
	s := newScript(epoch)
	s.run("avc1.42c01f")
	s.segments(1)
	s.mark(DateRange{ID: "a", Class: "x", Start: epoch, End: epoch.Add(time.Second)})
	was := s.playlist()
	s.mark(DateRange{ID: "a", Class: "y", Start: epoch.Add(time.Hour), End: epoch.Add(2 * time.Second)})
	if s.playlist() != was {
		t.Errorf("range changed:\n%s", s.playlist())
	}
}

// Nothing follows the end.
func TestNothingAfterTheEnd(t *testing.T) {
	s := newScript(epoch)
	s.run("avc1.42c01f")
	s.segments(2)
	s.finish()
	was := s.look(0)
	s.join()
	s.mark(DateRange{ID: "late", Start: epoch})
	s.run("avc1.42c01f")
	s.segments(2)
	s.leave(false)
	s.finish()
	if s.look(0) != was {
		t.Errorf("view changed:\n%s", s.playlist())
	}
}

func containsLine(text, line string) bool {
	for len(text) > 0 {
		i := 0
		for i < len(text) && text[i] != '\n' {
			i++
		}
		if text[:i] == line {
			return true
		}
		text = text[min(i+1, len(text)):]
	}
	return false
}
