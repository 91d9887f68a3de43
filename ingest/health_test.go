package ingest

import (
	"math"
	"strings"
	"testing"
	"time"

	"souk/hls"
	"souk/ingest/bpm"
	"souk/ingest/flv"
)

// run feeds a health seconds of video at fps with a key frame every gop frames
// and of audio at 50 frames a second, and returns when that was over.
func run(h *health, seconds, fps, gop int, late func(at time.Duration) time.Duration) time.Time {
	feed := func(t *track, rate, size int, key func(int) bool) {
		for i := range seconds * rate {
			at := time.Duration(i) * time.Second / time.Duration(rate)
			h.frame(t, h.since.Add(at+late(at)), at.Round(time.Millisecond), size, key(i))
		}
	}
	feed(&h.videos[0].track, fps, 10_000, func(i int) bool { return i%gop == 0 })
	feed(&h.sound.track, 50, 300, func(int) bool { return false })
	return h.since.Add(time.Duration(seconds) * time.Second)
}

func punctual(time.Duration) time.Duration { return 0 }

func newTestHealth() *health {
	return newHealth("192.0.2.1:1", time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC), Policy{})
}

func TestHealthMeasures(t *testing.T) {
	for _, tc := range []struct {
		fps, gop int
		interval float64
	}{{30, 60, 2}, {25, 25, 1}, {60, 240, 4}, {30, 250, 8.33}} {
		h := newTestHealth()
		p := h.snapshot(run(h, 20, tc.fps, tc.gop, punctual))
		v := p.Video
		if math.Abs(v.FPS-float64(tc.fps)) > 0.05 || math.Abs(v.KeyframeInterval-tc.interval) > 0.01 || v.Bitrate != tc.fps*80_000 {
			t.Errorf("%d fps, key frame every %d: %+v", tc.fps, tc.gop, v)
		}
		if p.Audio.Bitrate != 50*300*8 {
			t.Errorf("audio %+v", p.Audio)
		}
	}
}

func TestHealthBeforeTheFirstFrame(t *testing.T) {
	h := newTestHealth()
	p := h.snapshot(h.since.Add(time.Second))
	if p.Video != nil || p.Audio != nil || len(p.Advice) != 0 {
		t.Errorf("%+v", p)
	}
	h.pictured(0, hls.VideoConfig{Codec: hls.H264, SPS: []byte("no parameter set")})
	h.sounded(hls.AudioConfig{Codec: hls.AAC, ASC: []byte{0xff}})
	if p := h.snapshot(h.since); p.Video.Width != 0 || p.Audio != nil {
		t.Errorf("%+v after nonsense", p)
	}
	avc, err := flv.ParseAVC([]byte("\x01\x64\x00\x0a\xff\xe1\x00\x1b\x67\x64\x00\x0a\xac\xd9\x44\x2e\x6a\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x32\x0f\x12\x25\x96\x01\x68\x00\x01\x68"))
	if err == nil {
		h.pictured(0, hls.VideoConfig{Codec: hls.H264, SPS: avc.SPS})
	}
	h.sounded(hls.AudioConfig{Codec: hls.AAC, ASC: []byte{0x12, 0x10}})
	if p := h.snapshot(h.since); p.Audio == nil || p.Audio.SampleRate != 44100 || p.Audio.Channels != 2 {
		t.Errorf("audio %+v", p.Audio)
	}
}

func TestAdvice(t *testing.T) {
	for what, tc := range map[string]struct {
		seconds, gop int
		late         func(time.Duration) time.Duration
		after        time.Duration
		want         []string
	}{
		"all well":      {20, 60, punctual, 0, nil},
		"four seconds":  {20, 120, punctual, 0, nil},
		"untouched OBS": {20, 250, punctual, 0, []string{"Keyframe interval is 8.3 s: set it to 2 s in OBS → Settings → Output → Streaming."}},
		"one key frame": {7, 1000, punctual, 0, []string{"Keyframe interval is 7.0 s: set it to 2 s in OBS → Settings → Output → Streaming."}},
		"both stop":     {20, 60, punctual, 5 * time.Second, []string{"No video for 5 s", "No audio for 5 s"}},
		"a stall, caught up": {20, 60, func(at time.Duration) time.Duration {
			return max(0, 5*time.Second-10*max(0, at-10*time.Second)) % (5 * time.Second)
		}, 0, nil},
		"upload too slow":   {20, 60, func(at time.Duration) time.Duration { return at / 4 }, 5 * time.Second, []string{"Video arrives 5.0 s late"}},
		"clock drifts":      {3600, 60, func(at time.Duration) time.Duration { return at / 2000 }, 0, nil},
		"sender in a hurry": {20, 60, func(at time.Duration) time.Duration { return -at / 2 }, -10 * time.Second, nil},
	} {
		h := newTestHealth()
		got := h.snapshot(run(h, tc.seconds, 30, tc.gop, tc.late).Add(tc.after)).Advice
		ok := len(got) == len(tc.want)
		for i := range tc.want {
			ok = ok && strings.HasPrefix(got[i], tc.want[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", what, got, tc.want)
		}
	}

	h := newTestHealth()
	got := h.snapshot(h.since.Add(6 * time.Second)).Advice
	if len(got) != 2 || !strings.HasPrefix(got[0], "No video for 6 s") || !strings.HasPrefix(got[1], "No audio:") {
		t.Errorf("nothing at all: %q", got)
	}
}

// Faults that single measures show, each told in one sentence.
func TestAdviceOnEachFault(t *testing.T) {
	feed := func(h *health, t *track, seconds, fps, size int, ahead time.Duration, gop int) {
		for i := range seconds * fps {
			at := time.Duration(i) * time.Second / time.Duration(fps)
			h.frame(t, h.since.Add(at), at+ahead, size, i%gop == 0)
		}
	}
	both := func(h *health) {
		feed(h, &h.videos[0].track, 20, 30, 10_000, 0, 60)
		feed(h, &h.sound.track, 20, 50, 300, 0, 1)
	}
	for what, tc := range map[string]struct {
		policy Policy
		do     func(h *health, end time.Time)
		want   string
	}{
		"sound ahead": {Policy{}, func(h *health, _ time.Time) {
			feed(h, &h.videos[0].track, 20, 30, 10_000, 0, 60)
			feed(h, &h.sound.track, 20, 50, 300, 1200*time.Millisecond, 1)
		}, "The sound is 1.2 s ahead of the picture: "},
		"sound behind": {Policy{}, func(h *health, _ time.Time) {
			feed(h, &h.videos[0].track, 20, 30, 10_000, time.Second, 60)
			feed(h, &h.sound.track, 20, 50, 300, 0, 1)
		}, "The sound is 1.0 s behind the picture: "},
		"few frames": {Policy{}, func(h *health, _ time.Time) {
			feed(h, &h.videos[0].track, 20, 10, 10_000, 0, 20)
			feed(h, &h.sound.track, 20, 50, 300, 0, 1)
		}, "The picture has only 10.0 frames a second: "},
		"bit rate": {Policy{MaxBitrate: 1_500_000}, func(h *health, _ time.Time) { both(h) },
			"The video takes 2.4 Mbit/s, and this channel is made for 1.5: "},
		"bit rate of all renditions": {Policy{MaxBitrate: 3_500_000}, func(h *health, _ time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 60)
		}, "The video takes 4.8 Mbit/s, and this channel is made for 3.5: "},
		"slow answers": {Policy{}, func(h *health, end time.Time) { both(h); h.sample(end, 1500*time.Millisecond, 0) },
			"The connection takes 1.5 s to answer: "},
		"slow server": {Policy{}, func(h *health, end time.Time) {
			both(h)
			h.sample(end.Add(-4*time.Second), 0, 2<<20)
			h.sample(end, 0, 3<<20)
		}, "The server does not keep up with the stream: 3.1 MB are waiting."},
		"busy for a moment": {Policy{}, func(h *health, end time.Time) {
			both(h)
			h.sample(end.Add(-4*time.Second), 0, 2<<20)
			h.sample(end.Add(-2*time.Second), 0, 0)
			h.sample(end, 0, 2<<20)
		}, ""},
		"jumps": {Policy{}, func(h *health, end time.Time) {
			for range 3 {
				both(h)
			}
			for range 5 {
				h.frame(&h.sound.track, end, time.Hour, 1, false)
				h.frame(&h.sound.track, end, 20*time.Second, 1, false)
			}
		}, "The encoder's timestamps jump: "},
		"nonsense": {Policy{}, func(h *health, end time.Time) {
			both(h)
			for range 5 {
				h.drop(end.Add(-30 * time.Second))
			}
		}, "Some of what arrives makes no sense (5 messages so far): "},
		"nonsense, long ago": {Policy{}, func(h *health, end time.Time) {
			both(h)
			for range 5 {
				h.drop(end.Add(-2 * time.Minute))
			}
		}, ""},
		"a rendition stops": {Policy{}, func(h *health, _ time.Time) {
			both(h)
			h.videos[1].width, h.videos[1].height = 640, 360
			feed(h, &h.videos[1].track, 10, 30, 10_000, 0, 60)
		}, "The rendition of 640x360 has stopped: "},
		"renditions apart": {Policy{}, func(h *health, _ time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 90)
		}, "The renditions have keyframes at different times: "},
		"renditions shifted": {Policy{}, func(h *health, _ time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 700*time.Millisecond, 60)
		}, "The renditions have keyframes at different times: "},
		"renditions a frame apart": {Policy{}, func(h *health, _ time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 33*time.Millisecond, 60)
		}, ""},
		"a rendition left out for its key frames": {Policy{}, func(h *health, end time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 700*time.Millisecond, 60)
			h.offered(1, false, end.Add(-11*time.Second))
			h.offered(1, false, end)
		}, "The rendition of 0x0 is left out, because its keyframes do not come with those of the first one: "},
		"a rendition left out for something else": {Policy{}, func(h *health, end time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 60)
			h.offered(1, false, end.Add(-11*time.Second))
		}, "The rendition of 0x0 is left out, because it cannot be packaged: "},
		"a rendition that has just come": {Policy{}, func(h *health, end time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 60)
			h.offered(1, false, end.Add(-9*time.Second))
		}, ""},
		"a rendition that came back": {Policy{}, func(h *health, end time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 60)
			h.offered(1, false, end.Add(-11*time.Second))
			h.offered(1, true, end)
		}, ""},
		"no picture at all yet": {Policy{}, func(h *health, end time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 60)
			h.offered(0, false, end.Add(-11*time.Second))
			h.offered(1, false, end.Add(-11*time.Second))
		}, ""},
		"OBS drops": {Policy{}, func(h *health, end time.Time) {
			both(h)
			h.reported(0, bpm.Report{Session: bpm.Session{Rendered: 600, Dropped: 30, Output: 600}}, end)
		}, "OBS drops 5 % of the frames "},
		"OBS skips": {Policy{}, func(h *health, end time.Time) {
			both(h)
			h.reported(1, bpm.Report{Rendition: bpm.Rendition{Input: 600, Skipped: 60}}, end)
		}, "OBS skips 10 % of the frames "},
		"OBS lags": {Policy{}, func(h *health, end time.Time) {
			both(h)
			h.reported(0, bpm.Report{Session: bpm.Session{Rendered: 600, Lagged: 18, Output: 600}}, end)
		}, "OBS lags in 3 % of the frames "},
		"OBS is fine": {Policy{}, func(h *health, end time.Time) {
			both(h)
			h.reported(0, bpm.Report{Session: bpm.Session{Rendered: 600, Lagged: 1, Dropped: 2, Output: 600}}, end)
		}, ""},
		"only HEVC": {Policy{}, func(h *health, _ time.Time) { both(h); h.videos[0].codec = hls.H265 },
			"Not every viewer can play HEVC: "},
		"HEVC beside H.264": {Policy{}, func(h *health, _ time.Time) {
			both(h)
			feed(h, &h.videos[1].track, 20, 30, 10_000, 0, 60)
			h.videos[0].codec, h.videos[1].codec = hls.H265, hls.H264
		}, ""},
		"a rival": {Policy{}, func(h *health, end time.Time) { both(h); h.contest("192.0.2.2:1", end.Add(time.Minute)) },
			"Another encoder, at 192.0.2.2:1, "},
	} {
		h := newHealth("192.0.2.1:1", time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC), tc.policy)
		end := h.since.Add(20 * time.Second)
		tc.do(h, end)
		got := strings.Join(h.snapshot(end).Advice, "\n")
		if strings.Count(got, "\n") > 0 || !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", what, got, tc.want)
		}
	}
}

// What the encoder tells about itself gets as far as the studio.
func TestOBSMetrics(t *testing.T) {
	h := newTestHealth()
	now := h.since.Add(time.Minute)
	for range 2 {
		h.reported(0, bpm.Report{
			Composed:  now.Add(-250 * time.Millisecond),
			Session:   bpm.Session{Rendered: 60, Lagged: 1, Dropped: 2, Output: 120},
			Rendition: bpm.Rendition{Input: 60, Skipped: 3},
		}, now)
		h.reported(1, bpm.Report{Session: bpm.Session{Rendered: 60, Lagged: 1}, Rendition: bpm.Rendition{Input: 60, Skipped: 1}}, now)
	}
	if got := h.snapshot(now).OBS; got == nil || *got != (OBS{120, 2, 8, 4, 0.25}) {
		t.Errorf("%+v", got)
	}
}

// A publisher whose clock starts anew is not six hours late.
func TestHealthSurvivesAJump(t *testing.T) {
	h := newTestHealth()
	end := run(h, 20, 30, 60, punctual)
	for i := range 60 {
		at := time.Duration(i) * time.Second / 30
		h.frame(&h.videos[0].track, end.Add(at), 6*time.Hour+at, 10_000, i%60 == 0)
		h.frame(&h.sound.track, end.Add(at), 6*time.Hour+at, 300, false)
	}
	p := h.snapshot(end.Add(2 * time.Second))
	if len(p.Advice) != 0 || math.Abs(p.Video.FPS-30) > 0.05 {
		t.Errorf("%+v, advice %q", p.Video, p.Advice)
	}
}

func TestEncoderNameIsCut(t *testing.T) {
	h := newTestHealth()
	h.named(strings.Repeat("é", maxEncoderName))
	if got := h.snapshot(h.since).Encoder; len(got) > maxEncoderName || strings.Trim(got, "é") != "" {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
