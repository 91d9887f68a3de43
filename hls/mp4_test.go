package hls

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// makeMP4 has ffmpeg encode into fragmented MP4, which takes every codec and several video tracks. Times are rounded
// to milliseconds, as they come over RTMP.
func makeMP4(t testing.TB, args string) clip {
	t.Helper()
	f, _ := clips.LoadOrStore("mp4 "+args, sync.OnceValues(func() (clip, error) { return encodeMP4(args) }))
	c, err := f.(func() (clip, error))()
	if err != nil {
		t.Fatalf("making a clip: %v", err)
	}
	return c.copy()
}

func encodeMP4(args string) (clip, error) {
	dir, err := os.MkdirTemp("", "souk-hls-clip")
	if err != nil {
		return clip{}, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "clip.mp4")
	cmd := exec.Command("ffmpeg", append(strings.Fields("-v error -nostdin "+args+" -movflags delay_moov+default_base_moof+frag_keyframe"), "-y", out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return clip{}, errors.New(err.Error() + ": " + string(text))
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return clip{}, err
	}
	return readMP4(data)
}

func readMP4(data []byte) (c clip, err error) {
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(data)); err != nil {
		return c, err
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(data); err != nil {
		return c, err
	}
	type track struct {
		*fmp4.InitTrack
		number int
	}
	tracks := map[int]track{}
	for _, t := range init.Tracks {
		tracks[t.ID] = track{t, len(c.tracks)}
		switch d := t.Codec.(type) {
		case *codecs.H264:
			c.tracks = append(c.tracks, VideoConfig{Codec: H264, SPS: d.SPS, PPS: d.PPS})
		case *codecs.H265:
			c.tracks = append(c.tracks, VideoConfig{Codec: H265, VPS: d.VPS, SPS: d.SPS, PPS: d.PPS})
		case *codecs.AV1:
			c.tracks = append(c.tracks, VideoConfig{Codec: AV1, Header: d.SequenceHeader})
		case *codecs.MPEG4Audio:
			asc, err := d.Config.Marshal()
			if err != nil {
				return c, err
			}
			c.sound = AudioConfig{Codec: AAC, ASC: asc}
		case *codecs.Opus:
			c.sound = AudioConfig{Codec: Opus, Channels: d.ChannelCount, SampleRate: 48000}
		}
	}
	for _, p := range parts {
		for _, pt := range p.Tracks {
			t := tracks[pt.ID]
			at := int64(pt.BaseTime)
			for _, s := range pt.Samples {
				f := Frame{
					DTS: span(at, int64(t.TimeScale)).Round(time.Millisecond),
					PTS: span(at+int64(s.PTSOffset), int64(t.TimeScale)).Round(time.Millisecond),
				}
				at += int64(s.Duration)
				switch t.Codec.(type) {
				case *codecs.H264, *codecs.H265:
					f.Track = t.number
					f.Units, err = s.GetH264()
				case *codecs.AV1:
					f.Track = t.number
					f.Units, err = s.GetAV1()
				default:
					f.Kind, f.Units = Audio, [][]byte{s.Payload}
				}
				if err != nil {
					return c, err
				}
				if f.Kind == Video {
					f.Key = clean(c.tracks[f.Track].Codec, f.Units).key
				}
				c.frames = append(c.frames, f)
			}
		}
	}
	// The picture of every track starts at zero: an edit list says so, which is not read.
	for track := range c.tracks {
		first := time.Duration(math.MaxInt64)
		for pass := range 2 {
			for i := range c.frames {
				switch f := &c.frames[i]; {
				case f.Kind != Video || f.Track != track:
				case pass == 0:
					first = min(first, f.PTS)
				default:
					f.PTS, f.DTS = f.PTS-first, f.DTS-first
				}
			}
		}
	}
	slices.SortStableFunc(c.frames, func(a, b Frame) int { return cmp.Compare(a.DTS, b.DTS) })
	return c, nil
}
