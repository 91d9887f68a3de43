package hls

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// rungs adds renditions to a script, which otherwise has the source only.
type rungs struct {
	*script
	tracks []int
}

func newRungs(tracks ...int) *rungs {
	s := &rungs{script: newScript(epoch), tracks: tracks}
	s.join()
	s.begins(tracks...)
	return s
}

// begins starts a run with these tracks.
func (s *rungs) begins(tracks ...int) {
	var due [maxTracks]bool
	for _, i := range tracks {
		due[i] = true
	}
	s.tracks = tracks
	s.begin(tracks[0], due)
	for _, i := range tracks {
		s.opens(i)
	}
}

func (s *rungs) opens(track int) {
	s.open(track, &head{codecs: []string{fmt.Sprintf("avc1.42c0%02d", 31-track), "mp4a.40.2"}, video: true,
		width: 1280 >> track, height: 720 >> track, frameRate: 30}, []byte("init"))
}

// give adds parts of 200 ms to the current segment of each track.
func (s *rungs) give(n int, last bool) {
	for i := range n {
		for _, track := range s.tracks {
			s.add(track, []dated{{at: s.now, piece: s.piece(track, i == 0, last && i == n-1)}})
		}
		s.now = s.now.Add(200 * time.Millisecond)
	}
}

func (s *rungs) piece(track int, key, last bool) piece {
	at := s.now.Sub(epoch)
	return piece{body: fmt.Appendf(nil, "%d at %v;", track, at), duration: 200 * time.Millisecond,
		independent: key, last: last, decode: at, present: at}
}

func (s *rungs) whole(n int) {
	for range n {
		s.give(5, true)
	}
}

// dump is everything that viewers can ask for.
func (s *rungs) dump() string {
	var b strings.Builder
	show := func(name string, t *text) {
		if t != nil {
			fmt.Fprintf(&b, "== %s\n%s", name, t.plain)
		}
	}
	show(indexName, s.look(0).index)
	for i := range maxTracks {
		switch v := s.look(i); {
		case v == nil:
		case v.off:
			fmt.Fprintf(&b, "== %s is off\n", mediaFile(i))
		default:
			show(mediaFile(i), v.media)
		}
	}
	return b.String()
}

// The playlists of shows with several renditions.
func TestLadderPlaylists(t *testing.T) {
	pin := DateRange{ID: "pin-1", Class: "live.souk.pin", Start: epoch.Add(time.Second)}
	for name, play := range map[string]func() *rungs{
		"two": func() *rungs {
			s := newRungs(0, 1)
			s.whole(2)
			s.give(2, false)
			s.mark(pin)
			return s
		},
		"three": func() *rungs { s := newRungs(0, 1, 2); s.whole(1); return s },
		"first_segment_of_one": func() *rungs {
			s := newRungs(0, 1)
			s.tracks = []int{0}
			s.whole(1)
			return s
		},
		"patience_ends": func() *rungs {
			s := newRungs(0, 1)
			s.tracks = []int{0}
			s.whole(2)
			return s
		},
		"one_stops": func() *rungs {
			s := newRungs(0, 1, 2)
			s.whole(2)
			s.give(2, false)
			s.tracks = []int{0, 2}
			s.give(3, true)
			s.whole(1)
			s.drop(1)
			return s
		},
		"one_comes_back": func() *rungs {
			s := newRungs(0, 1)
			s.whole(2)
			s.give(2, false)
			s.tracks = []int{0}
			s.give(3, true)
			s.whole(2)
			s.drop(1)
			s.opens(1)
			s.tracks = []int{0, 1}
			s.whole(2)
			return s
		},
		"one_comes_back_after_long": func() *rungs {
			s := newRungs(0, 1)
			s.whole(2)
			s.drop(1)
			s.tracks = []int{0}
			s.whole(maxSlots + 10)
			s.opens(1)
			s.tracks = []int{0, 1}
			s.whole(1)
			return s
		},
		"one_joins_late": func() *rungs {
			s := newRungs(0)
			s.whole(3)
			s.opens(1)
			s.tracks = []int{0, 1}
			s.whole(2)
			return s
		},
		"source_stops": func() *rungs {
			s := newRungs(0, 1)
			s.whole(1)
			s.give(2, false)
			s.tracks = []int{1}
			s.give(3, true)
			s.whole(1)
			s.drop(0)
			s.give(2, false)
			return s
		},
		"encoder_back_with_one": func() *rungs {
			s := newRungs(0, 1)
			s.whole(2)
			s.leave(false)
			s.now = s.now.Add(20 * time.Second)
			s.begins(0)
			s.whole(1)
			return s
		},
		"encoder_back_with_both": func() *rungs {
			s := newRungs(0, 1)
			s.whole(1)
			s.tracks = []int{0}
			s.give(2, false) // the drop left the source one segment ahead
			s.leave(false)
			s.now = s.now.Add(20 * time.Second)
			s.begins(0, 1)
			s.whole(1)
			return s
		},
		"end": func() *rungs { s := newRungs(0, 1); s.whole(2); s.give(1, false); s.finish(); return s },
	} {
		t.Run(name, func(t *testing.T) { golden(t, "ladder_"+name, play().dump()) })
	}
}

// A rendition never gets ahead of the source: where that cuts is not known yet. What it has comes out with the
// source's next part, or when the source is given up.
func TestAheadOfTheSource(t *testing.T) {
	s := newRungs(0, 1)
	s.whole(1)
	s.tracks = []int{1}
	s.give(3, false)
	if n := len(s.look(1).tail.parts); n != 0 {
		t.Errorf("%d parts shown that the source did not get to", n)
	}
	if n := len(s.renditions[1].waiting); n != 3 {
		t.Errorf("%d parts kept", n)
	}
	s.drop(0)
	if n := len(s.look(1).tail.parts); n != 3 || s.look(1).tail.msn != 1 {
		t.Errorf("%d parts shown in segment %d once it leads", n, s.look(1).tail.msn)
	}
	s = newRungs(0, 1)
	s.whole(1)
	s.tracks = []int{1}
	s.give(3*maxWaiting, false)
	if n := len(s.renditions[1].waiting); n > maxWaiting {
		t.Errorf("%d parts kept", n)
	}
}

// A source with rare key frames is cut at a part, and the others at the same one.
func TestLadderCutAtAPart(t *testing.T) {
	s := newRungs(0, 1)
	s.whole(1)
	s.give(30, false)
	a, b := s.renditions[0].done, s.renditions[1].done
	if len(a) < 3 || len(a) != len(b) {
		t.Fatalf("%d segments of the source, %d of the other", len(a), len(b))
	}
	for i := range a {
		if !a[i].start.Equal(b[i].start) || a[i].duration != b[i].duration {
			t.Errorf("segment %d: %v for %v, and %v for %v", i, a[i].start, a[i].duration, b[i].start, b[i].duration)
		}
	}
}

func TestServeLadder(t *testing.T) {
	ctx := t.Context()
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	s := &rungs{script: &script{timeline: st.timeline, now: epoch}}
	s.join()
	s.begins(0, 1)
	s.whole(2)
	s.give(2, false)
	get := func(file string) int { return ask(ctx, o, "GET", "/hls/tea/"+file).Code }
	for file, want := range map[string]int{
		"live.m3u8": 200, "live-1.m3u8": 200, "live-2.m3u8": 404, "live-0.m3u8": 404, "live-01.m3u8": 404, "live-.m3u8": 404, "live-9.m3u8": 404,
		s.epoch + "-1/g0.mp4": 200, s.epoch + "-1/p2.1.mp4": 200, s.epoch + "-1/i0.mp4": 200,
		s.epoch + "-1/g9.mp4": 404, s.epoch + "-2/g0.mp4": 404, s.epoch + "-0/g0.mp4": 404, s.epoch + "-/g0.mp4": 404,
		"live-1.m3u8?_HLS_msn=2&_HLS_part=1": 200, "live-1.m3u8?_HLS_msn=9": 400,
	} {
		if got := get(file); got != want {
			t.Errorf("%s: %d, want %d", file, got, want)
		}
	}
	if a, b := ask(ctx, o, "GET", "/hls/tea/"+s.epoch+"/g0.mp4").Body.String(), ask(ctx, o, "GET", "/hls/tea/"+s.epoch+"-1/g0.mp4").Body.String(); a == b || !strings.HasPrefix(b, "1 at 0s;") {
		t.Errorf("renditions share a body: %q, %q", a, b)
	}
	blocked := make(chan int)
	go func() { blocked <- get("live-1.m3u8?_HLS_msn=2&_HLS_part=2") }()
	s.drop(1)
	if got := <-blocked; got != http.StatusNotFound {
		t.Errorf("who waits for a rendition that stops gets %d", got)
	}
	if got := get("live-1.m3u8"); got != 404 {
		t.Errorf("a stopped rendition's playlist: %d", got)
	}
	if got := get(s.epoch + "-1/g1.mp4"); got != 200 {
		t.Errorf("a stopped rendition's segment: %d", got)
	}
	if got := get("live.m3u8"); got != 200 {
		t.Errorf("the rendition that goes on: %d", got)
	}
}
