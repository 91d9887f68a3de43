package ingest

import (
	"fmt"
	"time"

	"souk/hls"
)

// When advice is given.
const (
	longKeyInterval = 4 * time.Second // segments get as long, and joining as slow
	longSilence     = 4 * time.Second // without a frame of a medium
	longDelay       = 3 * time.Second // that frames arrive behind their time
	lateFrame       = time.Second     // from which on a single one counts as late
	longRTT         = time.Second     // of a ping
	longSkew        = 500 * time.Millisecond
	longBacklog     = 1 << 20                // bytes that wait here,
	backlogTime     = 3 * time.Second        // for as long
	longMissing     = 10 * time.Second       // that a rendition is not in the playlist
	keySlack        = 100 * time.Millisecond // between key frames that belong together
	slowPicture     = 14.0                   // frames a second
	muchLost        = 0.02                   // of the encoder's frames
	obsReport       = 15 * time.Second
	policySlack     = 1.25 // of the bit rate the channel is set up for
)

// fault is something the host should do something about.
type fault struct {
	kind   string // stays the same while the numbers in the advice change
	advice string
}

// faults collects them.
type faults []fault

func (f *faults) say(kind, format string, args ...any) {
	*f = append(*f, fault{kind, fmt.Sprintf(format, args...)})
}

// advise says in sentences what the host should change, the worst first. The
// caller holds h.mu.
func (h *health) advise(now time.Time) []fault {
	var f faults
	if now.Before(h.rivalUntil) {
		f.say("rival", "Another encoder, at %s, uses this stream key too and keeps trying to take over: stop one of the two.", h.rival)
	}
	h.adviseOnMedia(now, &f)
	h.adviseOnConnection(now, &f)
	h.adviseOnPicture(now, &f)
	h.adviseOnRenditions(now, &f)
	h.adviseOnOBS(now, &f)
	return f
}

// adviseOnMedia is about what does not come at all, or late.
func (h *health) adviseOnMedia(now time.Time, f *faults) {
	video, audio := &h.videos[0].track, &h.sound.track
	silent := func(t *track) (time.Duration, bool) {
		since := h.since
		if t.frames > 0 {
			since = t.arrived
		}
		return now.Sub(since), now.Sub(since) >= longSilence
	}
	if d, is := silent(video); is {
		f.say("no video", "No video for %.0f s: check that the encoder still has a picture and that the connection holds.", d.Seconds())
	} else if video.late > longDelay {
		f.say("late", "Video arrives %.1f s late: the connection is too slow, set a lower bitrate in OBS → Settings → Output → Streaming.", video.late.Seconds())
	}
	switch d, is := silent(audio); {
	case is && audio.frames == 0:
		f.say("no audio", "No audio: add a sound source in OBS → Settings → Audio.")
	case is:
		f.say("no audio", "No audio for %.0f s: check the sound source in OBS → Settings → Audio.", d.Seconds())
	}
	if skew, ok := h.skew(); ok && skew.Abs() > longSkew && now.Sub(video.arrived) < longSilence && now.Sub(audio.arrived) < longSilence {
		where := "ahead of"
		if skew < 0 {
			where = "behind"
		}
		f.say("drift", "The sound is %.1f s %s the picture: restart the stream, and check the sync offset in OBS → Advanced Audio Properties.", skew.Abs().Seconds(), where)
	}
}

// adviseOnConnection is about the way here.
func (h *health) adviseOnConnection(now time.Time, f *faults) {
	if h.rtt > longRTT {
		f.say("rtt", "The connection takes %.1f s to answer: the upload is full, set a lower bitrate in OBS → Settings → Output → Streaming.", h.rtt.Seconds())
	}
	if !h.behind.IsZero() && now.Sub(h.behind) >= backlogTime {
		f.say("backlog", "The server does not keep up with the stream: %.1f MB are waiting. Tell its operator.", float64(h.backlog)/1e6)
	}
	if h.jumps.on(now) {
		f.say("times", "The encoder's timestamps jump: restart the stream, and if that does not help, the encoder.")
	}
	if h.drops.on(now) {
		f.say("nonsense", "Some of what arrives makes no sense (%d messages so far): restart the encoder, or try another version of it.", h.dropped)
	}
}

// adviseOnPicture is about the encoder's settings.
func (h *health) adviseOnPicture(now time.Time, f *faults) {
	video := &h.videos[0]
	if d := video.keyInterval(); d > longKeyInterval {
		f.say("key interval", "Keyframe interval is %.1f s: set it to 2 s in OBS → Settings → Output → Streaming.", d.Seconds())
	}
	if fps := video.fps(); fps > 0 && fps < slowPicture && now.Sub(video.arrived) < longSilence {
		f.say("frame rate", "The picture has only %.1f frames a second: set 30 in OBS → Settings → Video, or a faster encoder preset.", fps)
	}
	if video.codec == hls.H265 || video.codec == hls.AV1 {
		if !h.anywhere(hls.H264) {
			f.say("codec", "Not every viewer can play %s: choose H.264 in OBS → Settings → Output → Streaming to reach all.", codecNames[video.codec])
		}
	}
	if limit := h.policy.MaxBitrate; limit > 0 {
		if rate := h.bitrate(now); float64(rate) > policySlack*float64(limit) {
			f.say("bitrate", "The video takes %.1f Mbit/s, and this channel is made for %.1f: set a lower bitrate in OBS → Settings → Output → Streaming.",
				float64(rate)/1e6, float64(limit)/1e6)
		}
	}
}

var codecNames = map[hls.Codec]string{hls.H265: "HEVC", hls.AV1: "AV1"}

func (h *health) anywhere(c hls.Codec) bool {
	for i := range h.videos {
		if h.videos[i].codec == c {
			return true
		}
	}
	return false
}

// bitrate is that of all video tracks.
func (h *health) bitrate(now time.Time) int {
	sum := 0
	for i := range h.videos {
		sum += h.videos[i].bitrate(now)
	}
	return sum
}

// adviseOnRenditions is about the further ones.
func (h *health) adviseOnRenditions(now time.Time, f *faults) {
	source := &h.videos[0]
	for i := 1; i < maxTracks; i++ {
		v := &h.videos[i]
		if v.frames == 0 || now.Sub(source.arrived) >= longSilence {
			continue
		}
		kind := fmt.Sprintf("rendition %d", i)
		switch {
		case now.Sub(v.arrived) >= longSilence:
			f.say(kind, "The rendition of %dx%d has stopped: restart the stream in OBS to have it back.", v.width, v.height)
		case h.leftOut(i, now) && v.apart(&source.track) > keySlack:
			f.say(kind, "The rendition of %dx%d is left out, because its keyframes do not come with those of the first one: have one encoder make all of them, with the same keyframe interval.", v.width, v.height)
		case h.leftOut(i, now):
			f.say(kind, "The rendition of %dx%d is left out, because it cannot be packaged: restart the stream, and if that does not help, choose other settings for it.", v.width, v.height)
		case v.apart(&source.track) > keySlack, v.keys > 1 && source.keys > 1 && (v.between-source.between).Abs() > keySlack:
			f.say("alignment", "The renditions have keyframes at different times: set the same keyframe interval for all of them.")
			return
		}
	}
}

// adviseOnOBS is about what the encoder says itself.
func (h *health) adviseOnOBS(now time.Time, f *faults) {
	o := h.obs
	if o == nil || now.Sub(o.at) > obsReport {
		return
	}
	much := func(lost, all uint32) bool { return all > 0 && float64(lost) > muchLost*float64(all) }
	percent := func(lost, all uint32) float64 { return 100 * float64(lost) / float64(all) }
	if much(o.session.Dropped, o.session.Output) {
		f.say("obs dropped", "OBS drops %.0f %% of the frames because the connection is too slow: set a lower bitrate.", percent(o.session.Dropped, o.session.Output))
	}
	if much(o.encoders.Skipped, o.encoders.Input) {
		f.say("obs skipped", "OBS skips %.0f %% of the frames because encoding is too slow: choose a faster preset or fewer renditions.", percent(o.encoders.Skipped, o.encoders.Input))
	}
	if much(o.session.Lagged, o.session.Rendered) {
		f.say("obs lagged", "OBS lags in %.0f %% of the frames because the graphics card is busy: close other programs or simplify the scene.", percent(o.session.Lagged, o.session.Rendered))
	}
}
