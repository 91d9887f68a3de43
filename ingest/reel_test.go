package ingest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"souk/ingest/flv"
	"souk/ingest/rtmptest"
)

func TestReelPlaysOnce(t *testing.T) {
	r, err := newReel(tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	if r.length != 2*time.Second || len(r.headers) != 2 || r.metadata == nil {
		t.Errorf("length %v, %d headers, %d bytes of metadata", r.length, len(r.headers), len(r.metadata))
	}
	video, audio := 0, 0
	last := time.Duration(-1)
	for f := range r.play(false) {
		if f.due < last {
			t.Errorf("%v after %v", f.due, last)
		}
		last = f.due
		if f.Kind == flv.KindVideo {
			video++
		} else {
			audio++
		}
	}
	if video != 50 || audio != len(r.audio.frames) {
		t.Errorf("%d of 50 video and %d of %d audio frames", video, audio, len(r.audio.frames))
	}
}

// Over ten hours of turns every frame comes one pace after the one before it,
// to the millisecond that timestamps have, and what is heard stays with what is
// seen.
func TestReelLoopsWithoutAJump(t *testing.T) {
	r, err := newReel(tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	const span = 10 * time.Hour
	strips := map[byte]*strip{flv.KindVideo: &r.video, flv.KindAudio: &r.audio}
	last := map[byte]uint32{}
	count := map[byte]int{}
	var lead time.Duration // of the first sound
	for f := range r.play(true) {
		if f.due > span {
			break
		}
		s := strips[f.Kind]
		if n := count[f.Kind]; n > 0 {
			step := time.Duration(f.Time-last[f.Kind]) * time.Millisecond
			if d := step - s.pace; d > time.Millisecond || d < -time.Millisecond {
				t.Fatalf("kind %d, frame %d: %v after the one before, want %v", f.Kind, n, step, s.pace)
			}
		}
		if f.Kind == flv.KindAudio {
			if count[f.Kind] == 0 {
				lead = f.due
			}
			i := int((f.due - lead) % r.length / s.pace)
			if want := s.frames[min(i, len(s.frames)-1)].Body; !bytes.Equal(f.Body, want) {
				t.Fatalf("at %v another sound than the picture's", f.due)
			}
		}
		last[f.Kind] = f.Time
		count[f.Kind]++
	}
	for kind, s := range strips {
		if want := int(span / s.pace); count[kind] < want-2 || count[kind] > want+1 {
			t.Errorf("kind %d: %d frames, want %d", kind, count[kind], want)
		}
	}
}

func TestReelOfOneMedium(t *testing.T) {
	whole, err := newReel(tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*reel){
		"video only":  func(r *reel) { r.audio = strip{} },
		"audio only":  func(r *reel) { r.video = strip{}; r.length = r.audio.length() },
		"short audio": func(r *reel) { r.audio.frames = r.audio.frames[:20] },
		"one picture": func(r *reel) { r.video.frames = r.video.frames[:1]; r.length = r.audio.length() },
	} {
		r := *whole
		change(&r)
		frames, last := 0, time.Duration(0)
		for f := range r.play(true) {
			if f.due < last || f.due > last+1100*time.Millisecond+r.length {
				t.Errorf("%s: %v after %v", what, f.due, last)
			}
			if last = f.due; last > time.Minute {
				break
			}
			frames++
		}
		if frames < 30 {
			t.Errorf("%s: %d frames in a minute", what, frames)
		}
	}
}

// Films of all codecs, with several tracks to a message or one, go round without
// a jump, each frame a pace after the one before it on the same track.
func TestReelOfAnyFilm(t *testing.T) {
	avc, small, hevc, av1 := video(t, "160x90", plainH264), video(t, "96x54", plainH264), video(t, "64x36", plainHEVC), video(t, "64x36", asAV1)
	opus, mp3 := audio(t, asOpus), audio(t, asMP3)
	for what, tc := range map[string]struct {
		tags      []flv.Tag
		perSecond int // video tags
		sound     time.Duration
	}{
		"HEVC and Opus":         {rtmptest.Interleave(hevc.Enhanced(), opus.Enhanced()), 25, 20 * time.Millisecond},
		"AV1 and MP3":           {rtmptest.Interleave(av1.Enhanced(), mp3.Legacy(0x2f)), 25, 24 * time.Millisecond},
		"renditions, apart":     {rtmptest.Interleave(avc.Legacy(7), small.Rendition(1), hevc.Rendition(2)), 75, 0},
		"renditions, bundled":   {rtmptest.Interleave(rtmptest.Bundled(rtmptest.ManyTracksCodec, avc, small, hevc), opus.Enhanced()), 25, 20 * time.Millisecond},
		"another codec halfway": {rtmptest.Interleave(avc.Legacy(7), later(hevc.Enhanced(), 3000)), 25, 0},
	} {
		r, err := newReel(rtmptest.File(tc.tags))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if r.audio.pace != tc.sound {
			t.Errorf("%s: a pace of %v", what, r.audio.pace)
		}
		const minute = 60
		videos, last := 0, map[byte]uint32{}
		var packets []flv.Packet
		for f := range r.play(true) {
			if f.due >= minute*time.Second {
				break
			}
			frame := f.Kind == flv.KindAudio
			if !frame {
				packets, _ = flv.AppendVideo(packets[:0], f.Body)
				if frame = packets[0].Type == flv.Frame; frame {
					videos++
				}
			}
			if step := f.Time - last[f.Kind]; frame && step > 41 {
				t.Fatalf("%s: %d ms after the tag before it", what, step)
			}
			last[f.Kind] = f.Time
		}
		if want := tc.perSecond * minute; videos < want-tc.perSecond || videos > want+tc.perSecond {
			t.Errorf("%s: %d video tags in a minute, want %d", what, videos, want)
		}
	}
}

// What is pushed is what is in the file, with all renditions.
func TestEncoderPushesRenditions(t *testing.T) {
	avc, small, hevc := video(t, "160x90", plainH264), video(t, "96x54", plainH264), video(t, "64x36", plainHEVC)
	clip := rtmptest.File(rtmptest.Interleave(rtmptest.Bundled(rtmptest.ManyTracksCodec, avc, small, hevc), audio(t, asOpus).Enhanced()))
	h := open(t, nil)
	e := &Encoder{URL: "rtmp://" + h.address + "/live/key-of-tea", Clip: clip, FlatOut: true}
	if err := e.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.state("tea on")
	h.state("tea off")
	if n := h.Stats(); n.VideoFrames != 3*75 || n.Dropped != 0 || n.Repaired != 0 {
		t.Errorf("%+v", n)
	}
	h.Origin.End("tea")
	h.wantAligned("tea", 3)
}

func TestBadClips(t *testing.T) {
	const head = "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
	for what, clip := range map[string]string{
		"nothing":  "",
		"no FLV":   "RIFF....WEBP....",
		"no tags":  head,
		"VP9":      head + "\x09\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x90vp09\x00\x00\x00\x10",
		"no frame": head + "\x08\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\xaf\x00\x12\x10\x00\x00\x00\x0f",
	} {
		if _, err := newReel([]byte(clip)); !errors.Is(err, ErrClip) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
