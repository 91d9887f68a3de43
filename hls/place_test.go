package hls

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// laid shows how a rendition's segments came out: number, start and length in milliseconds, ? for one that is being
// filled and - for a gap.
func (s *rungs) laid(track int) string {
	r := &s.renditions[track]
	var out []string
	show := func(g *segment, mark string) {
		out = append(out, fmt.Sprintf("%d@%d+%d%s", g.msn, g.start.Sub(epoch).Milliseconds(), g.duration.Milliseconds(), mark))
	}
	for _, g := range r.done {
		show(g, map[bool]string{true: "-"}[g.gap])
	}
	if r.filling != nil {
		show(r.filling, "?")
	}
	return strings.Join(out, " ")
}

// put adds one part: times in milliseconds, k for a key frame that starts a segment of the muxer, l for its last part.
func (s *rungs) put(track, at, length int, flags string) {
	p := piece{body: []byte{1}, duration: time.Duration(length) * time.Millisecond, present: time.Duration(at) * time.Millisecond,
		independent: strings.Contains(flags, "k"), last: strings.Contains(flags, "l")}
	p.decode = p.present
	s.add(track, []dated{{at: epoch.Add(p.present), piece: p}})
}

// Where the parts of a further rendition go, the source being cut every second.
func TestPlace(t *testing.T) {
	source := func(s *rungs, seconds int) {
		for i := range seconds {
			for k := range 5 {
				s.put(0, 1000*i+200*k, 200, []string{"k", "", "", "", "l"}[k])
			}
		}
	}
	for name, tt := range map[string]struct {
		play func(s *rungs)
		want string
	}{
		"same cuts": {func(s *rungs) {
			source(s, 2)
			s.put(1, 0, 500, "k")
			s.put(1, 500, 500, "l")
			s.put(1, 1000, 200, "k")
		}, "0@0+1000 1@1000+200?"},
		"key frame a moment late": {func(s *rungs) {
			source(s, 2)
			s.put(1, 0, 1050, "kl")
			s.put(1, 1050, 200, "k")
		}, "0@0+1050 1@1050+200?"},
		"key frame a moment early": {func(s *rungs) {
			source(s, 2)
			s.put(1, 0, 950, "kl")
			s.put(1, 950, 200, "k")
		}, "0@0+950 1@950+200?"},
		"key frame missing": {func(s *rungs) {
			source(s, 3)
			s.put(1, 0, 1000, "k")
			s.put(1, 1000, 1000, "l")
			s.put(1, 2000, 200, "k")
		}, "0@0+1000 1@1000+1000 2@2000+200?"},
		"extra key frame": {func(s *rungs) {
			source(s, 2)
			s.put(1, 0, 600, "kl")
			s.put(1, 600, 400, "kl")
			s.put(1, 1000, 200, "k")
		}, "0@0+1000 1@1000+200?"},
		"part over the cut, most of it in front": {func(s *rungs) {
			source(s, 2)
			s.put(1, 0, 900, "k")
			s.put(1, 900, 180, "")
			s.put(1, 1080, 200, "")
		}, "0@0+1080 1@1080+200?"},
		"part over the cut, most of it behind": {func(s *rungs) {
			source(s, 2)
			s.put(1, 0, 920, "k")
			s.put(1, 920, 200, "")
		}, "0@0+920 1@920+200?"},
		"nothing for a segment": {func(s *rungs) {
			source(s, 4)
			s.put(1, 0, 1000, "kl")
			s.put(1, 3000, 200, "k")
		}, "0@0+1000 1@1000+1000- 2@2000+1000- 3@3000+200?"},
		"joins at a key frame that is none of the source's": {func(s *rungs) {
			source(s, 3)
			s.put(1, 400, 600, "kl")
			s.put(1, 1400, 600, "kl")
		}, ""},
		"joins at the second": {func(s *rungs) {
			source(s, 3)
			s.put(1, 400, 600, "kl")
			s.put(1, 1000, 200, "k")
		}, "1@1000+200?"},
		"joins without a key frame": {func(s *rungs) {
			source(s, 3)
			s.put(1, 1000, 200, "")
		}, ""},
		"ahead of the source": {func(s *rungs) {
			source(s, 1)
			s.put(1, 0, 1000, "kl")
			s.put(1, 1000, 200, "k")
		}, "0@0+1000"},
		"longer than the target allows": {func(s *rungs) {
			s.put(0, 0, 1000, "kl")
			for i := range 12 {
				s.put(0, 1000+200*i, 200, []string{"k", ""}[min(i, 1)])
			}
			s.put(1, 0, 1000, "kl")
			s.put(1, 1000, 2300, "k")
			s.put(1, 3300, 300, "")
		}, "0@0+1000 1@1000+2300"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newRungs(0, 1)
			tt.play(s)
			if got := s.laid(1); got != tt.want {
				t.Errorf("got  %s\nwant %s\nsource %s", got, tt.want, s.laid(0))
			}
		})
	}
}

// The lead passes on: to the lowest track that has media, else to one that will have.
func TestLead(t *testing.T) {
	s := newRungs(0, 2, 4)
	for _, tt := range []struct{ drop, want int }{{4, 0}, {0, 2}, {2, 2}} {
		s.whole(1)
		s.drop(tt.drop)
		if s.lead != tt.want {
			t.Errorf("after track %d has gone, %d leads, want %d", tt.drop, s.lead, tt.want)
		}
	}
	if s.look(2).off {
		t.Error("the last rendition was taken out")
	}
	s = newRungs(0, 3)
	s.drop(0)
	if s.lead != 3 {
		t.Errorf("%d leads before there is any media", s.lead)
	}
	s.tracks = []int{3}
	s.whole(1)
	if got := s.dump(); !strings.Contains(got, "live-3.m3u8") || strings.Contains(got, "\nlive.m3u8") {
		t.Errorf("viewers get\n%s", got)
	}
}
