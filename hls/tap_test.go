package hls

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// shelf is a source that has exactly these files. Like the muxer it answers 200 with nothing for any other name, but
// for those listed as broken.
type shelf struct {
	files  map[string]string
	broken string
}

func (s *shelf) Handle(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	if name == s.broken {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = w.Write([]byte(s.files[name]))
}

// initOf is an init section with these tracks.
func initOf(t testing.TB, tracks ...*fmp4.InitTrack) string {
	t.Helper()
	var w seekablebuffer.Buffer
	if err := (&fmp4.Init{Tracks: tracks}).Marshal(&w); err != nil {
		t.Fatal(err)
	}
	return w.String()
}

func videoTrackOf(t testing.TB, id int) *fmp4.InitTrack {
	c := simple(t).tracks[0]
	return &fmp4.InitTrack{ID: id, TimeScale: videoRate, Codec: &codecs.H264{SPS: c.SPS, PPS: c.PPS}}
}

func audioTrackOf(id int) *fmp4.InitTrack {
	return &fmp4.InitTrack{ID: id, TimeScale: 48000, Codec: &codecs.MPEG4Audio{
		Config: mpeg4audio.AudioSpecificConfig{Type: 2, SampleRate: 48000, ChannelConfig: 2, ChannelCount: 2}}}
}

// stocked is a source with one complete segment of two parts and one part of the next, audio apart.
func stocked(t testing.TB) *shelf {
	list := func(kind string) string {
		part := func(n int, rest string) string {
			return fmt.Sprintf("#EXT-X-PART:DURATION=0.2,URI=\"%s%d\"%s\n", kind, n, rest)
		}
		return "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-MAP:URI=\"" + kind + "init\"\n#EXT-X-GAP\n#EXTINF:1,\ngap\n" +
			part(1, ",INDEPENDENT=YES") + part(2, "") + "#EXTINF:0.4,\n" + kind + "seg\n" + part(3, ",INDEPENDENT=YES")
	}
	s := &shelf{files: map[string]string{
		"index.m3u8": "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",DEFAULT=YES,URI=\"sound\"\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.42c01f,mp4a.40.2\",AUDIO=\"a\"\npicture\n",
		"picture": list("v"), "sound": list("a"),
		"vinit": initOf(t, videoTrackOf(t, 1)), "ainit": initOf(t, audioTrackOf(1)),
	}}
	for n := 1; n <= 3; n++ {
		s.files[fmt.Sprint("v", n)] = string(made(t, 1, uint64(n)*18000, 0))
		s.files[fmt.Sprint("a", n)] = string(made(t, 1, uint64(n)*9600, 0))
	}
	return s
}

func TestTap(t *testing.T) {
	s := stocked(t)
	tap := &tap{src: s, prefix: "/"}
	if err := tap.open(); err != nil {
		t.Fatal(err)
	}
	if strings.Join(tap.codecs, "+") != "avc1.42c01f+mp4a.40.2" {
		t.Errorf("codecs %q", tap.codecs)
	}
	pieces, err := tap.read()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ independent, last bool }{{true, false}, {false, true}, {true, false}} {
		p := pieces[i]
		if p.independent != want.independent || p.last != want.last || p.duration != 200*time.Millisecond {
			t.Errorf("piece %d is %v %v %v", i, p.independent, p.last, p.duration)
		}
		if at := time.Duration(i+1) * 200 * time.Millisecond; p.decode != at || p.present != at {
			t.Errorf("piece %d is at %v, shown at %v", i, p.decode, p.present)
		}
		var parts fmp4.Parts
		if err := parts.Unmarshal(p.body); err != nil || len(parts) != 2 || parts[1].Tracks[0].ID != audioTrack {
			t.Errorf("piece %d is not joined: %v", i, err)
		}
	}
	first := bytes.Clone(pieces[0].body)
	if again, err := tap.read(); err != nil || len(again) != 0 {
		t.Errorf("parts read twice: %d, %v", len(again), err)
	}
	s.files["picture"] += "#EXT-X-PART:DURATION=0.1,URI=\"v4\"\n"
	s.files["v4"] = string(made(t, 1, 72000, 0))
	more, err := tap.read() // the audio is late
	if err != nil || len(more) != 1 || more[0].duration != 100*time.Millisecond {
		t.Fatalf("%d more pieces, %v", len(more), err)
	}
	if !bytes.Equal(first, pieces[0].body) {
		t.Error("a piece changed when the next one was read")
	}
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(tap.init)); err != nil || len(init.Tracks) != 2 {
		t.Errorf("init section with %d tracks, %v", len(init.Tracks), err)
	}
}

// What a source does wrong is an error, never a panic and never half a piece.
func TestTapRefuses(t *testing.T) {
	for name, spoil := range map[string]func(s *shelf){
		"no multivariant playlist": func(s *shelf) { delete(s.files, "index.m3u8") },
		"two variants": func(s *shelf) {
			s.files["index.m3u8"] += "#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.42c01f\"\nother\n"
		},
		"noise for a multivariant playlist": func(s *shelf) { s.files["index.m3u8"] = "noise" },
		"no picture playlist":               func(s *shelf) { delete(s.files, "picture") },
		"no sound playlist":                 func(s *shelf) { delete(s.files, "sound") },
		"noise for a sound playlist":        func(s *shelf) { s.files["sound"] = "#EXT-X-MEDIA-SEQUENCE:x\n" },
		"error status":                      func(s *shelf) { s.broken = "picture" },
		"no init section":                   func(s *shelf) { delete(s.files, "vinit") },
		"no init section of the sound":      func(s *shelf) { delete(s.files, "ainit") },
		"no map":                            func(s *shelf) { s.files["picture"] = strings.Replace(s.files["picture"], "MAP", "PAM", 1) },
		"no map of the sound":               func(s *shelf) { s.files["sound"] = strings.Replace(s.files["sound"], "MAP", "PAM", 1) },
		"noise for an init section":         func(s *shelf) { s.files["vinit"] = "noise" },
		"noise for the sound's":             func(s *shelf) { s.files["ainit"] = "noise" },
		"two tracks in an init section":     func(s *shelf) { s.files["vinit"] = initOf(t, videoTrackOf(t, 1), audioTrackOf(2)) },
		"two tracks in the sound's":         func(s *shelf) { s.files["ainit"] = initOf(t, audioTrackOf(1), audioTrackOf(2)) },
		"a part is gone":                    func(s *shelf) { delete(s.files, "v2") },
		"a part of the sound is gone":       func(s *shelf) { delete(s.files, "a2") },
		"noise for a part":                  func(s *shelf) { s.files["v2"] = "noise" },
		"noise for a part of the sound":     func(s *shelf) { s.files["a2"] = "noise" },
		"parts are not listed any more": func(s *shelf) {
			s.files["picture"] = strings.ReplaceAll(s.files["picture"], "#EXT-X-PART", "#EXT-X-PAST")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := stocked(t)
			spoil(s)
			tap := &tap{src: s, prefix: "/"}
			err := tap.open()
			var pieces []piece
			if err == nil {
				pieces, err = tap.read()
			}
			if err == nil {
				t.Errorf("%d pieces and no error", len(pieces))
			}
			for _, p := range pieces {
				if len(p.body) == 0 || p.duration == 0 {
					t.Error("half a piece")
				}
			}
		})
	}
}
