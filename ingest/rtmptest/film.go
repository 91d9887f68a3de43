package rtmptest

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"souk/ingest/flv"
)

// Film is a clip of a few tracks, as FFmpeg encodes it.
type Film []Track

// Track is one elementary stream of a Film.
type Track struct {
	FourCC  string // of enhanced tags
	Record  []byte // decoder configuration; empty for MP3
	Samples []Sample
	Codec   codecs.Codec // the same configuration, parsed
}

// Sample is one access unit, video with lengths in front of its NAL units.
type Sample struct {
	DTS, PTS time.Duration
	Key      bool
	Data     []byte
}

// Encode runs FFmpeg with the given arguments, which say what to encode and
// how, separated by spaces.
func Encode(t testing.TB, args string) Film {
	t.Helper()
	file := filepath.Join(t.TempDir(), "film.mp4")
	all := append([]string{"-hide_banner", "-nostdin", "-v", "error"}, strings.Fields(args)...)
	all = append(all, "-threads", "1", "-movflags", "frag_keyframe+empty_moov+default_base_moof+delay_moov", "-strict", "-2", file)
	if says, err := exec.CommandContext(t.Context(), "ffmpeg", all...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %s: %v\n%s", args, err, says)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var start fmp4.Init
	if err := start.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(b[bytes.Index(b, []byte("moof"))-4 : mediaEnd(b)]); err != nil {
		t.Fatal(err)
	}
	var film Film
	for _, it := range start.Tracks {
		track := Track{Codec: it.Codec}
		track.FourCC, track.Record = describe(t, it.Codec, b)
		for _, part := range parts {
			for _, pt := range part.Tracks {
				if pt.ID == it.ID {
					track.add(pt, time.Duration(it.TimeScale))
				}
			}
		}
		film = append(film, track)
	}
	return film
}

// mediaEnd is where the index begins that FFmpeg puts behind the media.
func mediaEnd(b []byte) int {
	if i := bytes.LastIndex(b, []byte("mfra")); i > 4 {
		return i - 4
	}
	return len(b)
}

func (tr *Track) add(pt *fmp4.PartTrack, scale time.Duration) {
	at := int64(pt.BaseTime)
	for _, s := range pt.Samples {
		dts := time.Duration(at) * time.Second / scale
		tr.Samples = append(tr.Samples, Sample{
			DTS: dts, PTS: dts + time.Duration(s.PTSOffset)*time.Second/scale,
			Key: tr.isKey(s.Payload), Data: s.Payload,
		})
		at += int64(s.Duration)
	}
}

// isKey looks into the frame: FFmpeg's files do not tell for each.
func (tr *Track) isKey(b []byte) bool {
	units, codec := [][]byte(nil), flv.H264
	switch tr.FourCC {
	case "av01":
		units, _ = flv.OBUs(b)
		codec = flv.AV1
	case "hvc1":
		codec = flv.H265
		fallthrough
	case "avc1":
		units, _ = flv.Sets{LengthSize: 4}.Units(b)
	}
	return flv.IsKey(codec, units)
}

// describe finds the code and the configuration record of a track.
func describe(t testing.TB, c codecs.Codec, file []byte) (fourCC string, record []byte) {
	switch c := c.(type) {
	case *codecs.H264:
		return "avc1", box(t, file, "avcC")
	case *codecs.H265:
		return "hvc1", box(t, file, "hvcC")
	case *codecs.AV1:
		return "av01", box(t, file, "av1C")
	case *codecs.MPEG4Audio:
		asc, err := c.Config.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return "mp4a", asc
	case *codecs.Opus:
		head := append([]byte("OpusHead\x01"), byte(c.ChannelCount), 0x38, 1)
		head = binary.LittleEndian.AppendUint32(head, 48000)
		return "Opus", append(head, 0, 0, 0)
	case *codecs.MPEG1Audio:
		return ".mp3", nil
	}
	t.Fatalf("no FourCC for %T", c)
	return "", nil
}

// box is the content of the first box of that kind. A film has at most one
// track of each codec with a record of its own.
func box(t testing.TB, file []byte, kind string) []byte {
	i := bytes.Index(file, []byte(kind))
	if i < 4 {
		t.Fatalf("no %s", kind)
	}
	size := int(binary.BigEndian.Uint32(file[i-4:]))
	return bytes.Clone(file[i+4 : i-4+size])
}
