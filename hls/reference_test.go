package hls

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2"
	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
)

// reference is a gohlslib.Muxer: what a cutter is compared with.
type reference struct {
	*gohlslib.Muxer
	video  *videoParams
	audio  *audioParams
	tracks [2]*gohlslib.Track // by Kind

	lists [2]string          // media playlists, by Kind
	inits [2]*fmp4.InitTrack // likewise
	units [2][]unit          // likewise: of the complete segments
	ends  [2]int64           // likewise
	seen  map[string]bool    // segments
	last  [2]*playlist.Media // as last read
}

func newReference(t testing.TB, c clip) *reference {
	t.Helper()
	m := &reference{seen: map[string]bool{}, Muxer: &gohlslib.Muxer{
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

// play writes a clip and reads what comes of it. With its second key frame the muxer has a segment.
func (m *reference) play(t testing.TB, c clip) {
	t.Helper()
	keys := 0
	for _, f := range c.frames {
		m.write(t, f)
		if f.Kind == Video && f.Key {
			if keys++; keys > 1 {
				m.read(t)
			}
		}
	}
}

func (m *reference) get(name string) []byte {
	w := httptest.NewRecorder()
	m.Handle(w, httptest.NewRequest("GET", "/"+name, nil))
	return w.Body.Bytes()
}

// read fetches the segments that are new.
func (m *reference) read(t testing.TB) {
	t.Helper()
	var index playlist.Multivariant
	if err := index.Unmarshal(m.get("index.m3u8")); err != nil {
		t.Fatal(err)
	}
	m.lists = [2]string{index.Variants[0].URI, *index.Renditions[0].URI}
	for kind, list := range m.lists {
		media := new(playlist.Media)
		if err := media.Unmarshal(m.get(list)); err != nil {
			t.Fatal(err)
		}
		m.last[kind] = media
		var init fmp4.Init
		if err := init.Unmarshal(bytes.NewReader(m.get(media.Map.URI))); err != nil {
			t.Fatal(err)
		}
		m.inits[kind] = init.Tracks[0]
		for _, s := range media.Segments {
			if s.Gap || m.seen[s.URI] {
				continue
			}
			m.seen[s.URI] = true
			for _, tr := range tracksOf(t, m.get(s.URI)) {
				m.units[kind] = appendUnitsOf(t, m.units[kind], tr, &m.ends[kind], int64(m.inits[kind].TimeScale))
			}
		}
	}
}

// unit is a sample as a player gets it.
type unit struct {
	payload []byte
	key     bool
	present time.Duration
}

func tracksOf(t testing.TB, body []byte) (tracks []*fmp4.PartTrack) {
	t.Helper()
	var parts fmp4.Parts
	if err := parts.Unmarshal(body); err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		tracks = append(tracks, p.Tracks...)
	}
	return tracks
}

// appendUnitsOf takes a track fragment apart, which has to go on where the one before it ended.
func appendUnitsOf(t testing.TB, units []unit, tr *fmp4.PartTrack, end *int64, rate int64) []unit {
	t.Helper()
	at := int64(tr.BaseTime)
	if len(units) > 0 && at != *end {
		t.Fatalf("track %d goes on at %d after %d", tr.ID, at, *end)
	}
	for _, s := range tr.Samples {
		units = append(units, unit{s.Payload, !s.IsNonSyncSample, span(at+int64(s.PTSOffset), rate)})
		at += int64(s.Duration)
	}
	*end = at
	return units
}

// recorded has a session cut a clip, and returns the tracks of the init section and the samples, by Kind.
func recorded(t testing.TB, c clip) (inits []*fmp4.InitTrack, units [2][]unit) {
	t.Helper()
	o := &Origin{Log: quiet()}
	defer o.Close()
	st := o.Start("tea", Show{ID: "s"})
	s := st.Publish()
	c.play(t, s, epoch)
	s.Close()
	v := st.timeline.look(0)
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(v.segments[0].head.chunks[0])); err != nil {
		t.Fatal(err)
	}
	var ends [2]int64
	for _, seg := range v.segments {
		for _, chunk := range seg.chunks {
			for _, tr := range tracksOf(t, chunk) {
				kind := tr.ID - leadingTrack
				units[kind] = appendUnitsOf(t, units[kind], tr, &ends[kind], int64(init.Tracks[kind].TimeScale))
			}
		}
	}
	return init.Tracks, units
}

// What players get is what a gohlslib.Muxer would give them: the same description of the tracks, and the same samples
// shown at the same times.
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
			m.play(t, make(t))
			inits, units := recorded(t, make(t))
			for kind, want := range m.units {
				if mine, theirs := inits[kind], m.inits[kind]; mine.TimeScale != theirs.TimeScale || !reflect.DeepEqual(mine.Codec, theirs.Codec) {
					t.Errorf("%v is described as %+v, by the muxer as %+v", Kind(kind), mine.Codec, theirs.Codec)
				}
				// The muxer waits for the second picture before it takes any audio.
				got := units[kind]
				early := slices.IndexFunc(got, func(u unit) bool { return bytes.Equal(u.payload, want[0].payload) })
				if early < 0 || kind == int(Video) && early > 0 || len(got)-early < len(want) {
					t.Fatalf("%d samples of %v, the muxer has %d", len(got), Kind(kind), len(want))
				}
				got = got[early:]
				for i, u := range want {
					g := got[i]
					if !bytes.Equal(g.payload, u.payload) || g.key != u.key {
						t.Fatalf("sample %d of %v: %d bytes, key %v; the muxer has %d, %v", i, Kind(kind), len(g.payload), g.key, len(u.payload), u.key)
					}
					if off := (g.present - got[0].present) - (u.present - want[0].present); off > gridTolerance || off < -gridTolerance {
						t.Fatalf("sample %d of %v is shown %v off", i, Kind(kind), off)
					}
				}
			}
		})
	}
}
