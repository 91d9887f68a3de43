package hls

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// reference is a gohlslib.Muxer read through a tap: what a cutter is compared with.
type reference struct {
	*gohlslib.Muxer
	tap    tap
	video  *videoParams
	audio  *audioParams
	tracks [2]*gohlslib.Track // by Kind
}

func newReference(t testing.TB, c clip) *reference {
	t.Helper()
	m := &reference{Muxer: &gohlslib.Muxer{
		Variant: gohlslib.MuxerVariantLowLatency, SegmentCount: 7,
		SegmentMinDuration: segmentMin, PartMinDuration: partMin,
	}}
	var err error
	if m.video, err = c.tracks[0].parse(); err != nil {
		t.Fatal(err)
	}
	if m.audio, err = c.sound.parse(); err != nil {
		t.Fatal(err)
	}
	m.tracks[Video] = &gohlslib.Track{Codec: m.video.codec(), ClockRate: videoRate}
	m.tracks[Audio] = &gohlslib.Track{Codec: m.audio.codec(), ClockRate: int(m.audio.rate)}
	m.Tracks = m.tracks[:]
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	m.tap = tap{src: m.Muxer, prefix: "/"}
	return m
}

// write hands the muxer one frame.
func (m *reference) write(t testing.TB, f Frame) {
	t.Helper()
	track := m.tracks[f.Kind]
	at := ticks(f.PTS, int64(track.ClockRate))
	var err error
	switch {
	case f.Kind == Audio && m.audio.Codec == Opus:
		err = m.WriteOpus(track, epoch, at, f.Units)
	case f.Kind == Audio:
		err = m.WriteMPEG4Audio(track, epoch, at, f.Units)
	default:
		units := clean(m.video.Codec, f.Units).withParams(m.video.VideoConfig)
		switch m.video.Codec {
		case H264:
			err = m.WriteH264(track, epoch, at, units)
		case H265:
			err = m.WriteH265(track, epoch, at, units)
		case AV1:
			err = m.WriteAV1(track, epoch, at, units)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// play writes a clip and reads it back. With its second key frame the muxer has a segment.
func (m *reference) play(t testing.TB, c clip) (pieces []piece) {
	t.Helper()
	keys := 0
	for _, f := range c.frames {
		m.write(t, f)
		if f.Kind == Audio {
			continue
		}
		if f.Key {
			if keys++; keys == 2 {
				if err := m.tap.open(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if keys >= 2 {
			more, err := m.tap.read()
			if err != nil {
				t.Fatal(err)
			}
			pieces = append(pieces, more...)
		}
	}
	return pieces
}

// unit is a sample as a player gets it.
type unit struct {
	payload []byte
	key     bool
	present time.Duration // since the first of its track
}

// samplesOf takes parts apart, by track.
func samplesOf(t testing.TB, init []byte, pieces []piece) map[int][]unit {
	t.Helper()
	var head fmp4.Init
	if err := head.Unmarshal(bytes.NewReader(init)); err != nil {
		t.Fatal(err)
	}
	rates := map[int]int64{}
	for _, tr := range head.Tracks {
		rates[tr.ID] = int64(tr.TimeScale)
	}
	out, first, ends := map[int][]unit{}, map[int]int64{}, map[int]int64{}
	for _, p := range pieces {
		var parts fmp4.Parts
		if err := parts.Unmarshal(p.body); err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			for _, tr := range part.Tracks {
				at := int64(tr.BaseTime)
				if end, ok := ends[tr.ID]; ok && at != end {
					t.Fatalf("track %d goes on at %d after %d", tr.ID, at, end)
				}
				for _, s := range tr.Samples {
					shown := at + int64(s.PTSOffset)
					if _, ok := first[tr.ID]; !ok {
						first[tr.ID] = shown
					}
					out[tr.ID] = append(out[tr.ID], unit{s.Payload, !s.IsNonSyncSample, span(shown-first[tr.ID], rates[tr.ID])})
					at += int64(s.Duration)
				}
				ends[tr.ID] = at
			}
		}
	}
	return out
}

// recorded has a session cut a clip and returns its init section and parts.
func recorded(t testing.TB, c clip) (init []byte, pieces []piece) {
	t.Helper()
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	s := st.Publish()
	c.play(t, s, epoch)
	s.Close()
	v := st.timeline.look(0)
	for _, seg := range v.segments {
		for i, p := range seg.parts {
			pieces = append(pieces, piece{body: p.chunks[0], duration: p.duration, independent: p.independent, last: i == len(seg.parts)-1})
		}
	}
	return v.segments[0].head.chunks[0], pieces
}

// What players get is what a gohlslib.Muxer would give them: the same init section, and the same samples shown at the
// same times.
func TestCutsLikeTheMuxer(t *testing.T) {
	bframes := func(t testing.TB) clip {
		return makeClip(t, testSource+" -t 6 -c:v libx264 -preset veryfast -pix_fmt yuv420p -threads 1 -g 30 -bf 3 "+testAudio)
	}
	clips := map[string]func(testing.TB) clip{"H.264 over FLV": simple, "H.264 with B-frames": bframes}
	for _, video := range []Codec{H264, H265, AV1} {
		for _, audio := range []Codec{AAC, Opus} {
			clips[fmt.Sprintf("%v+%v", video, audio)] = func(t testing.TB) clip { return coded(t, video, audio) }
		}
	}
	for name, make := range clips {
		t.Run(name, func(t *testing.T) {
			m := newReference(t, make(t))
			theirs := m.play(t, make(t))
			init, ours := recorded(t, make(t))
			if !bytes.Equal(init, m.tap.init) {
				t.Errorf("init section of %d bytes differs from the muxer's of %d", len(init), len(m.tap.init))
			}
			want, got := samplesOf(t, init, theirs), samplesOf(t, init, ours)
			for track, list := range want {
				// The muxer waits for the second picture before it takes any audio.
				early := slices.IndexFunc(got[track], func(u unit) bool { return bytes.Equal(u.payload, list[0].payload) })
				if early < 0 || track == leadingTrack && early > 0 || len(got[track])-early < len(list) {
					t.Fatalf("track %d: %d samples, the muxer has %d", track, len(got[track]), len(list))
				}
				got[track] = got[track][early:]
				for i, u := range list {
					g := got[track][i]
					if !bytes.Equal(g.payload, u.payload) || g.key != u.key {
						t.Fatalf("sample %d of track %d: %d bytes, key %v; the muxer has %d, %v", i, track, len(g.payload), g.key, len(u.payload), u.key)
					}
					if off := g.present - got[track][0].present - u.present; off > gridTolerance || off < -gridTolerance {
						t.Fatalf("sample %d of track %d is shown at %v, by the muxer at %v", i, track, g.present-got[track][0].present, u.present)
					}
				}
			}
		})
	}
}
