package hls

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// ladder has three renditions of one picture with the same key frames, as encoders send them that scale themselves.
// Their frame rates and B-frames differ.
func ladder(t testing.TB) clip {
	return makeMP4(t, "-f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 12"+
		" -filter_complex [0:v]split=3[a][b0][c0];[b0]scale=320:180[b];[c0]scale=160:90,fps=15[c] -map [a] -map [b] -map [c] -map 1:a"+
		" -c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1 -bf 0"+
		" -g:v:0 30 -keyint_min:v:0 30 -b:v:0 1200k -g:v:1 30 -keyint_min:v:1 30 -bf:v:1 2 -b:v:1 400k -g:v:2 15 -keyint_min:v:2 15 -b:v:2 100k "+testAudio)
}

// without drops the frames of one track that lie within from..to.
func (c clip) without(track int, from, to time.Duration) clip {
	c.frames = slices.DeleteFunc(c.frames, func(f Frame) bool {
		return f.Kind == Video && f.Track == track && f.DTS >= from && f.DTS < to
	})
	return c
}

// watchers looks at all renditions of a stream at once.
type watchers [maxTracks]*watcher

func watchAll(t testing.TB, st *Stream) (all watchers) {
	for i := range all {
		all[i] = watch(t, st)
		all[i].track = i
	}
	return all
}

func (all watchers) look() {
	for _, w := range all {
		w.look()
	}
}

func (all watchers) write(s *Session, frames []Frame, start time.Time) {
	all[0].t.Helper()
	for i, f := range frames {
		if f.Arrived.IsZero() {
			f.Arrived = start.Add(f.DTS)
		}
		if err := s.Write(f); err != nil {
			all[0].t.Fatalf("frame %d: %v", i, err)
		}
		all.look()
	}
}

// aligned checks what players that switch between renditions rely on: the same sequence number is the same stretch of
// time, with the same discontinuities in front of it, in all of them.
func (all watchers) aligned(within time.Duration) {
	all[0].t.Helper()
	all.inStep()
	seen := map[uint64]seenSegment{}
	for track, w := range all {
		for _, s := range w.all {
			first, ok := seen[s.msn]
			if !ok {
				seen[s.msn] = s
				continue
			}
			if off := s.date.Sub(first.date); off > within || off < -within {
				w.t.Errorf("segment %d starts at %v in track %d, but at %v in another", s.msn, s.date, track, first.date)
			}
		}
	}
}

// inStep is what holds whatever encoders drop: a segment starts before those with the next number do, and
// discontinuities are in front of the same segments.
func (all watchers) inStep() {
	all[0].t.Helper()
	first := map[uint64]time.Time{}
	breaks := map[uint64]uint64{}
	for track, w := range all {
		for _, s := range w.all {
			if n, ok := breaks[s.msn]; !ok {
				breaks[s.msn] = w.breaks[s.msn]
			} else if n != w.breaks[s.msn] {
				w.t.Errorf("segment %d of track %d has %d discontinuities in front, in another %d", s.msn, track, w.breaks[s.msn], n)
			}
			if at, ok := first[s.msn]; !ok || s.date.Before(at) {
				first[s.msn] = s.date
			}
		}
	}
	for track, w := range all {
		for _, s := range w.all {
			if at, ok := first[s.msn+1]; ok && !s.date.Before(at) {
				w.t.Errorf("segment %d of track %d starts at %v, the next one of another at %v", s.msn, track, s.date, at)
			}
		}
	}
}

// variants are the playlists that the multivariant one lists.
func variants(st *Stream) (files []string) {
	v := st.timeline.look(0)
	if v.index == nil {
		return nil
	}
	for line := range strings.Lines(string(v.index.plain)) {
		if !strings.HasPrefix(line, "#") {
			files = append(files, strings.TrimSpace(line))
		}
	}
	return files
}

func wantVariants(t testing.TB, st *Stream, files ...string) {
	t.Helper()
	if got := variants(st); !slices.Equal(got, files) {
		t.Fatalf("variants %q, want %q", got, files)
	}
}

var three = []string{"live.m3u8", "live-1.m3u8", "live-2.m3u8"}

func TestLadder(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	all, s, c := watchAll(t, st), st.Publish(), ladder(t)
	c.announce(t, s)
	for _, f := range c.frames {
		all.write(s, []Frame{f}, epoch)
		if got := variants(st); got != nil && !slices.Equal(got, three) {
			t.Fatalf("viewers who come at %v get %q", f.DTS, got)
		}
	}
	all.aligned(0)
	for i := range three {
		all[i].wantMedia(10 * time.Second)
		all[i].wantBreaks(0)
		if all[i].overlong > 0 {
			t.Errorf("track %d: %d parts were longer than %v", i, all[i].overlong, partTarget)
		}
		if n, m := len(all[0].all), len(all[i].all); n != m {
			t.Errorf("track %d has %d segments, the source %d", i, m, n)
		}
	}
	lines := strings.Split(string(st.timeline.look(0).index.plain), "\n")
	for i, want := range []struct{ size, rate string }{{"640x360", "30.000"}, {"320x180", "30.000"}, {"160x90", "15.000"}} {
		line := lines[2+2*i]
		if attribute(line, "RESOLUTION") != want.size || attribute(line, "FRAME-RATE") != want.rate {
			t.Errorf("variant %d is %s", i, line)
		}
		if got := attribute(line, "CODECS"); !strings.HasPrefix(got, "avc1.") || !strings.HasSuffix(got, ",mp4a.40.2") {
			t.Errorf("variant %d has codecs %s", i, got)
		}
	}
}

// Whatever happens to a rendition, the others go on as if nothing had.
func TestLadderHazards(t *testing.T) {
	type test struct {
		name   string
		edit   func(c clip) clip
		list   []string // in the end
		breaks int
		within time.Duration
	}
	nothing := func(c clip) clip { return c }
	tests := []test{
		{name: "as it should be", edit: nothing, list: three},
		{name: "a rendition stops", edit: func(c clip) clip { return c.without(1, 5*time.Second, time.Hour) }, list: []string{"live.m3u8", "live-2.m3u8"}},
		{name: "a rendition pauses", edit: func(c clip) clip { return c.without(1, 4*time.Second, 7500*time.Millisecond) }, list: three},
		{name: "a rendition starts late", edit: func(c clip) clip { return c.without(2, 0, 3500*time.Millisecond) }, list: three},
		{name: "a rendition loses a key frame", edit: func(c clip) clip { return c.without(1, 5990*time.Millisecond, 6010*time.Millisecond) }, list: three, within: 150 * time.Millisecond},
		{name: "the source stops", edit: func(c clip) clip { return c.without(0, 5*time.Second, time.Hour) }, list: []string{"live-1.m3u8", "live-2.m3u8"}},
		{name: "the source pauses", edit: func(c clip) clip { return c.without(0, 4*time.Second, 7500*time.Millisecond) }, list: three},
		{name: "the source never comes", edit: func(c clip) clip { return c.without(0, 0, time.Hour) }, list: []string{"live-1.m3u8", "live-2.m3u8"}},
		{name: "the source starts late", edit: func(c clip) clip { return c.without(0, 0, 3500*time.Millisecond) }, list: three},
		{name: "a rendition lags", list: three, edit: func(c clip) clip {
			for i := range c.frames {
				c.frames[i].Arrived = epoch.Add(c.frames[i].DTS)
				if c.frames[i].Track == 1 {
					c.frames[i].Arrived = c.frames[i].Arrived.Add(300 * time.Millisecond)
				}
			}
			slices.SortStableFunc(c.frames, func(a, b Frame) int { return a.Arrived.Compare(b.Arrived) })
			return c
		}},
		{name: "the source lags", list: three, edit: func(c clip) clip {
			for i := range c.frames {
				c.frames[i].Arrived = epoch.Add(c.frames[i].DTS)
				if c.frames[i].Kind == Video && c.frames[i].Track == 0 {
					c.frames[i].Arrived = c.frames[i].Arrived.Add(300 * time.Millisecond)
				}
			}
			slices.SortStableFunc(c.frames, func(a, b Frame) int { return a.Arrived.Compare(b.Arrived) })
			return c
		}},
		{name: "key frames elsewhere", list: []string{"live.m3u8", "live-1.m3u8"}, edit: func(c clip) clip {
			for i := range c.frames {
				if c.frames[i].Track == 2 {
					c.frames[i].DTS += 400 * time.Millisecond
					c.frames[i].PTS += 400 * time.Millisecond
				}
			}
			return c
		}},
		{name: "a rendition without a second key frame", list: []string{"live.m3u8", "live-2.m3u8"}, within: 150 * time.Millisecond, edit: func(c clip) clip {
			c.frames = slices.DeleteFunc(c.frames, func(f Frame) bool { return f.Track == 1 && f.Key && f.DTS > 500*time.Millisecond })
			return c
		}},
		{name: "a rendition whose time stands still", list: []string{"live.m3u8", "live-2.m3u8"}, edit: func(c clip) clip {
			for i := range c.frames {
				if f := &c.frames[i]; f.Track == 1 {
					f.Arrived = epoch.Add(f.DTS)
					f.PTS, f.DTS = 0, 0
				}
			}
			return c
		}},
		{name: "a rendition that nothing can be decoded from", list: []string{"live.m3u8", "live-2.m3u8"}, edit: func(c clip) clip {
			c.tracks[1] = coded(t, H265, AAC).tracks[0] // whose frames are read differently
			for i := range c.frames {
				if f := &c.frames[i]; f.Track == 1 {
					f.Units = [][]byte{{hevcIDR << 1, 1, 0}}
					if !f.Key || f.DTS > 500*time.Millisecond {
						f.Units = [][]byte{{6 << 1, 1, 0}} // RADL_N
					}
				}
			}
			return c
		}},
		{name: "tracks that do not exist", list: three, edit: func(c clip) clip {
			c.frames = slices.Insert(c.frames, 50, Frame{Track: maxTracks, Units: [][]byte{{0x65, 1}}}, Frame{Track: -1}, Frame{Kind: Audio, Track: 1, Units: [][]byte{{1}}})
			return c
		}},
		{name: "frames of a track that was not announced", list: three[:2], edit: func(c clip) clip {
			for i := range c.frames {
				if f := &c.frames[i]; f.Track == 2 && f.Key { // what H.264 brings in-band would count
					f.Units = f.Units[len(f.Units)-1:]
				}
			}
			c.tracks = c.tracks[:2]
			return c
		}},
		{name: "jump forward 30 s", breaks: 1, list: three, edit: func(c clip) clip {
			c.frames = append(c.frames[:len(c.frames)/2], shifted(c.frames[len(c.frames)/2:], 30*time.Second)...)
			return c
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &Origin{Log: quiet()}
			defer o.Close()
			st := o.Start("tea", Show{ID: "s"})
			all, s, c := watchAll(t, st), st.Publish(), tt.edit(ladder(t))
			c.announce(t, s)
			all.write(s, c.frames, epoch)
			wantVariants(t, st, tt.list...)
			s.Close()
			all.look()
			all.aligned(tt.within)
			for i, file := range three {
				if slices.Contains(tt.list, file) {
					all[i].wantMedia(5 * time.Second)
					all[i].wantBreaks(tt.breaks)
				}
			}
		})
	}
}

// Drops at random, in every track: sequence numbers stay aligned and the playlists keep their promises.
func TestLadderStaysAligned(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			o := &Origin{Log: quiet()}
			defer o.Close()
			st := o.Start("tea", Show{ID: "s"})
			all := watchAll(t, st)
			for i := range 3 {
				s, c := st.Publish(), ladder(t)
				for range r.IntN(6) {
					from := time.Duration(r.IntN(12000)) * time.Millisecond
					c = c.without(r.IntN(3), from, from+time.Duration(r.IntN(2500))*time.Millisecond)
				}
				c = c.upTo(time.Duration(4000+r.IntN(8000)) * time.Millisecond)
				c.announce(t, s)
				all.write(s, c.frames, epoch.Add(time.Duration(i)*20*time.Second))
				s.Close()
				all.look()
			}
			all.inStep()
		})
	}
}

// Codecs may differ between renditions, and one that changes its own makes the same discontinuity in all.
func TestLadderCodecChange(t *testing.T) {
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	all, s, c := watchAll(t, st), st.Publish(), ladder(t)
	c.announce(t, s)
	hevc := coded(t, H265, AAC)
	changed := false
	for _, f := range c.frames {
		if f.Kind == Video && f.Track == 1 && f.DTS > 5900*time.Millisecond { // from here on H.265
			continue
		}
		if !changed && f.DTS > 5900*time.Millisecond {
			changed = true
			if err := s.SetVideo(1, hevc.tracks[0]); err != nil {
				t.Fatal(err)
			}
		}
		all.write(s, []Frame{f}, epoch)
		for len(hevc.frames) > 0 && hevc.frames[0].DTS+6*time.Second <= f.DTS {
			if h := shifted(hevc.frames[:1], 6*time.Second)[0]; h.Kind == Video {
				h.Track = 1
				all.write(s, []Frame{h}, epoch)
			}
			hevc.frames = hevc.frames[1:]
		}
	}
	wantVariants(t, st, three...)
	all.aligned(0)
	for i := range three {
		all[i].wantBreaks(1)
		all[i].wantMedia(9 * time.Second)
	}
	index := strings.Split(string(st.timeline.look(0).index.plain), "\n")
	if !strings.Contains(index[2], `"avc1.`) || !strings.Contains(index[4], `"hvc1.`) || !strings.Contains(index[6], `"avc1.`) {
		t.Errorf("codecs in\n%s", strings.Join(index, "\n"))
	}
}

// A player reads each variant on its own, and the multivariant playlist; the encoder dropped in between.
func TestLadderPlays(t *testing.T) {
	o := &Origin{Log: quiet()}
	base := serveOrigin(t, o)
	st := o.Start("tea", Show{ID: "s"})
	ladder(t).upTo(4300*time.Millisecond).play(t, st.Publish(), epoch)
	ladder(t).upTo(8*time.Second).without(2, 2*time.Second, 5*time.Second).play(t, st.Publish(), epoch.Add(20*time.Second))
	o.End("tea")
	for i, size := range []string{"640,360", "320,180", "160,90"} {
		url := base + "tea/" + mediaFile(i)
		if got := tool(t, "ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream=width,height", "-of", "csv=p=0", url); !strings.Contains(got, size) {
			t.Errorf("%s is of %s", url, got)
		}
		if i == 2 {
			continue // ffmpeg reports the gaps as files that are not there
		}
		progress := tool(t, "ffmpeg", "-v", "error", "-nostdin", "-xerror", "-progress", "-", "-i", url, "-f", "null", "-")
		if got := played(progress); got < 10*time.Second {
			t.Errorf("%s: decoded %v", url, got)
		}
	}
	streams := tool(t, "ffprobe", "-v", "error", "-show_entries", "program=nb_streams", "-of", "csv=p=0", base+"tea/index.m3u8")
	if n := strings.Count(streams, "2"); n != 3 {
		t.Errorf("a player finds %d variants: %q", n, streams)
	}
}
