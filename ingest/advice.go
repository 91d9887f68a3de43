package ingest

import (
	"fmt"
	"time"
)

// When advice is given.
const (
	longKeyInterval = 4 * time.Second // segments get as long, and joining as slow
	longSilence     = 4 * time.Second // without a frame of a medium
	longDelay       = 3 * time.Second // that frames arrive behind their time
)

// advice says in sentences what the host should change. The caller holds h.mu.
func (h *health) advice(now time.Time) []string {
	advice := []string{}
	say := func(format string, args ...any) { advice = append(advice, fmt.Sprintf(format, args...)) }
	if now.Before(h.rivalUntil) {
		say("Another encoder, at %s, uses this stream key too and keeps trying to take over: stop one of the two.", h.rival)
	}
	silent := func(t *track) (time.Duration, bool) {
		since := h.since
		if t.frames > 0 {
			since = t.arrived
		}
		return now.Sub(since), now.Sub(since) >= longSilence
	}
	if d, is := silent(&h.video); is {
		say("No video for %.0f s: check that the encoder still has a picture and that the connection holds.", d.Seconds())
	} else if h.video.late > longDelay {
		say("Video arrives %.1f s late: the connection is too slow, set a lower bitrate in OBS → Settings → Output → Streaming.", h.video.late.Seconds())
	}
	switch d, is := silent(&h.audio); {
	case is && h.audio.frames == 0:
		say("No audio: add a sound source in OBS → Settings → Audio.")
	case is:
		say("No audio for %.0f s: check the sound source in OBS → Settings → Audio.", d.Seconds())
	}
	if d := h.video.keyInterval(); d > longKeyInterval {
		say("Keyframe interval is %.1f s: set it to 2 s in OBS → Settings → Output → Streaming.", d.Seconds())
	}
	return advice
}
