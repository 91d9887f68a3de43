package hls

import (
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
)

// What is read out of the muxer's playlists is what their own parser finds in them.
func TestSheet(t *testing.T) {
	c := longClip(t)
	r := newReference(t, c)
	seen, keys := 0, 0
	for _, f := range c.frames {
		r.write(t, f)
		if f.Key {
			keys++
		}
		if keys < 2 || f.Kind == Audio {
			continue
		}
		if err := r.tap.open(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.tap.read(); err != nil {
			t.Fatal(err)
		}
		m := &r.tap.lead
		var want playlist.Media
		if err := want.Unmarshal(m.text.Bytes()); err != nil {
			t.Fatal(err)
		}
		if m.init != want.Map.URI || m.first != uint64(want.MediaSequence) || len(m.segments) != len(want.Segments) {
			t.Fatalf("init %s, %d segments from %d\n%s", m.init, len(m.segments), m.first, m.text.Bytes())
		}
		for i, seg := range want.Segments {
			if m.segments[i].gap != seg.Gap {
				t.Errorf("segment %d: gap %v", i, m.segments[i].gap)
			}
			seen += sameParts(t, m.partsOf(m.first+uint64(i)), seg.Parts)
		}
		seen += sameParts(t, m.partsOf(m.first+uint64(len(m.segments))), want.Parts)
		if m.partsOf(m.first+uint64(len(m.segments))+1) != nil || m.first > 0 && m.partsOf(m.first-1) != nil {
			t.Error("parts of a segment that is not there")
		}
	}
	if seen == 0 {
		t.Error("nothing compared")
	}
}

func sameParts(t *testing.T, got []sheetPart, want []*playlist.MediaPart) int {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d parts, want %d", len(got), len(want))
	}
	for i, p := range got {
		off := p.duration - want[i].Duration
		if string(p.uri) != want[i].URI || p.independent != want[i].Independent || off > time.Microsecond || off < -time.Microsecond {
			t.Fatalf("part %s %v %v, want %+v", p.uri, p.duration, p.independent, want[i])
		}
	}
	return len(got)
}

func TestSheetRefuses(t *testing.T) {
	for _, text := range []string{
		"#EXT-X-MEDIA-SEQUENCE:-1\n", "#EXT-X-MEDIA-SEQUENCE:\n", "#EXT-X-PART:DURATION=0.2\n", "#EXT-X-PART:URI=\"a\"\n",
		"#EXT-X-PART:URI=\"a\",DURATION=x\n", "#EXT-X-PART:URI=\"a\",DURATION=1e30\n", "#EXT-X-PART:URI=\"a\",DURATION=-1\n",
	} {
		var m sheet
		m.text.WriteString(text)
		if m.scan() == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

func TestAttributeOf(t *testing.T) {
	list := []byte(`DURATION=0.2,URI="a,b=c",INDEPENDENT=YES,X=`)
	for name, want := range map[string]string{"DURATION": "0.2", "URI": "a,b=c", "INDEPENDENT": "YES", "X": "", "Y": "", "b": ""} {
		if got := string(attributeOf(list, name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func FuzzSheet(f *testing.F) {
	f.Add("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"i\"\n#EXT-X-PART:DURATION=0.2,URI=\"p\",INDEPENDENT=YES\n#EXTINF:1,\ns\n#EXT-X-GAP\ng\n#EXT-X-PART:DURATION=1,URI=q\n")
	f.Fuzz(func(t *testing.T, text string) {
		var m sheet
		for range 2 { // it keeps its memory
			m.text.Reset()
			m.text.WriteString(text)
			if m.scan() != nil {
				continue
			}
			n := 0
			for i := range m.segments {
				n += len(m.partsOf(m.first + uint64(i)))
			}
			if n += len(m.partsOf(m.first + uint64(len(m.segments)))); n != len(m.parts) {
				t.Errorf("%d of %d parts belong to a segment", n, len(m.parts))
			}
		}
	})
}
