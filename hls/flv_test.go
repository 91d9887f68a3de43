package hls

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// clip is a piece of media as an encoder would send it: sequence headers and frames, read from FLV.
type clip struct {
	tracks []VideoConfig // in the order of their numbers
	sound  AudioConfig   // without a codec: none
	frames []Frame
}

// Arguments that make ffmpeg write what common encoders send, all in FLV with its millisecond times.
const (
	testSource = "-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000"
	testAudio  = "-c:a aac -b:a 64k -ac 2"
	testVideo  = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -threads 1"
)

var clips sync.Map // arguments → func() (clip, error), so that every clip is encoded once per run of the tests

// makeClip has ffmpeg encode with the given arguments.
func makeClip(t testing.TB, args string) clip {
	t.Helper()
	f, _ := clips.LoadOrStore(args, sync.OnceValues(func() (clip, error) { return encodeClip(args) }))
	c, err := f.(func() (clip, error))()
	if err != nil {
		t.Fatalf("making a clip: %v", err)
	}
	return c.copy()
}

// copy is for handing over: units belong to the session once written.
func (c clip) copy() clip {
	frames := make([]Frame, len(c.frames))
	for i, fr := range c.frames {
		units := make([][]byte, len(fr.Units))
		for j, u := range fr.Units {
			units[j] = append([]byte(nil), u...)
		}
		fr.Units = units
		frames[i] = fr
	}
	c.frames, c.tracks = frames, slices.Clone(c.tracks)
	return c
}

func encodeClip(args string) (clip, error) {
	dir, err := os.MkdirTemp("", "souk-hls-clip")
	if err != nil {
		return clip{}, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "clip.flv")
	cmd := exec.Command("ffmpeg", append(strings.Fields("-v error -nostdin "+args), "-y", out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return clip{}, errors.New(err.Error() + ": " + string(text))
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return clip{}, err
	}
	return readFLV(data)
}

// readFLV understands AVC and AAC tags, which is all that the tests make.
func readFLV(b []byte) (c clip, err error) {
	if len(b) < 13 || string(b[:3]) != "FLV" {
		return c, errors.New("no FLV")
	}
	for b = b[13:]; len(b) >= 15; {
		kind, size := b[0], int(b[1])<<16|int(b[2])<<8|int(b[3])
		ts := time.Duration(uint32(b[7])<<24|uint32(b[4])<<16|uint32(b[5])<<8|uint32(b[6])) * time.Millisecond
		if len(b) < 11+size+4 {
			return c, errors.New("cut short")
		}
		body := b[11 : 11+size]
		b = b[11+size+4:]
		switch {
		case kind == 8 && len(body) > 2 && body[0]>>4 == 10:
			if body[1] == 0 {
				c.sound = AudioConfig{Codec: AAC, ASC: body[2:]}
				continue
			}
			c.frames = append(c.frames, Frame{Kind: Audio, PTS: ts, DTS: ts, Units: [][]byte{body[2:]}})
		case kind == 9 && len(body) > 5 && body[0]&15 == 7:
			offset := time.Duration(int32(uint32(body[2])<<24|uint32(body[3])<<16|uint32(body[4])<<8)>>8) * time.Millisecond
			switch body[1] {
			case 0:
				sps, pps := paramSets(body[5:])
				c.tracks = []VideoConfig{{Codec: H264, SPS: sps, PPS: pps}}
			case 1:
				c.frames = append(c.frames, Frame{Kind: Video, PTS: ts + offset, DTS: ts, Key: body[0]>>4 == 1, Units: avcc(body[5:])})
			}
		}
	}
	return c, nil
}

// paramSets takes the first SPS and PPS of an AVCDecoderConfigurationRecord.
func paramSets(b []byte) (sps, pps []byte) {
	n := int(binary.BigEndian.Uint16(b[6:]))
	sps, b = b[8:8+n], b[8+n:]
	n = int(binary.BigEndian.Uint16(b[1:]))
	return sps, b[3 : 3+n]
}

func avcc(b []byte) (units [][]byte) {
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint32(b))
		units = append(units, b[4:4+n])
		b = b[4+n:]
	}
	return units
}

// epoch is the wall time at which test publishers start, unless they say otherwise.
var epoch = time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC)

// announce gives a session the clip's codec parameters.
func (c clip) announce(t testing.TB, s *Session) {
	t.Helper()
	for i, v := range c.tracks {
		if err := s.SetVideo(i, v); err != nil {
			t.Fatal(err)
		}
	}
	if c.sound.Codec != 0 {
		if err := s.SetAudio(c.sound); err != nil {
			t.Fatal(err)
		}
	}
}

// play announces and writes the whole clip as if it arrived on time from start on.
func (c clip) play(t testing.TB, s *Session, start time.Time) {
	t.Helper()
	c.announce(t, s)
	c.write(t, s, start)
}

func (c clip) write(t testing.TB, s *Session, start time.Time) {
	t.Helper()
	for i, f := range c.frames {
		f.Arrived = start.Add(f.DTS)
		if err := s.Write(f); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
}

// upTo keeps the frames before d.
func (c clip) upTo(d time.Duration) clip {
	for i, f := range c.frames {
		if f.DTS >= d {
			c.frames = c.frames[:i]
			break
		}
	}
	return c
}

// only keeps one medium.
func (c clip) only(k Kind) clip {
	var frames []Frame
	for _, f := range c.frames {
		if f.Kind == k {
			frames = append(frames, f)
		}
	}
	c.frames = frames
	if k == Video {
		c.sound = AudioConfig{}
	} else {
		c.tracks = nil
	}
	return c
}

// simple is what most tests publish: one second between key frames, no B-frames, 30 frames a second.
func simple(t testing.TB) clip {
	return makeClip(t, testSource+" -t 6 "+testVideo+" -tune zerolatency -g 30 -keyint_min 30 "+testAudio)
}

func contextWithCancel() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

func itoa(i int) string { return strconv.Itoa(i) }
