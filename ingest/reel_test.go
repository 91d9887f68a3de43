package ingest

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"souk/ingest/flv"
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

func TestBadClips(t *testing.T) {
	const head = "FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
	for what, clip := range map[string]string{
		"nothing":  "",
		"no FLV":   "RIFF....WEBP....",
		"no tags":  head,
		"HEVC":     head + "\x09\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x90hvc1\x00\x00\x00\x10",
		"no frame": head + "\x08\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\xaf\x00\x12\x10\x00\x00\x00\x0f",
	} {
		if _, err := newReel([]byte(clip)); !errors.Is(err, ErrClip) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
