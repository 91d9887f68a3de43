package ingest

import (
	"math"
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// What rates are measured over.
const (
	rateSeconds = 5  // of the server's clock, for bit rates
	rateFrames  = 90 // for frame rates
)

// maxEncoderName is how much of an encoder's name is kept, in bytes.
const maxEncoderName = 100

// Publisher describes who publishes on a channel, for the studio.
type Publisher struct {
	Connected bool     `json:"connected"`
	Since     Time     `json:"since,omitzero"`
	Remote    string   `json:"remote,omitempty"`
	Encoder   string   `json:"encoder,omitempty"` // as it calls itself
	Video     *Video   `json:"video,omitempty"`
	Audio     *Audio   `json:"audio,omitempty"`
	Advice    []string `json:"advice"` // sentences for the host, the worst first
}

// Video describes the picture that arrives.
type Video struct {
	Codec            string  `json:"codec"`
	Width            int     `json:"width"`
	Height           int     `json:"height"`
	FPS              float64 `json:"fps"`
	Bitrate          int     `json:"bitrate"`           // bits per second
	KeyframeInterval float64 `json:"keyframe_interval"` // seconds; 0 until known
}

// Audio describes the sound that arrives.
type Audio struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sample_rate"` // Hz
	Channels   int    `json:"channels"`
	Bitrate    int    `json:"bitrate"` // bits per second
}

// Time is in JSON what all of souk's times are: RFC 3339, UTC, milliseconds.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z07:00"`), nil
}

// health measures a publisher. The session's goroutine writes, anyone reads.
type health struct {
	remote string
	since  time.Time

	mu           sync.Mutex // guards the rest
	encoder      string
	width        int
	height       int
	sampleRate   int
	channels     int
	dropped      int       // messages that made no sense
	rival        string    // another encoder with the same key, where it is,
	rivalUntil   time.Time // and until when it is kept away
	video, audio track
}

func newHealth(remote string, now time.Time) *health {
	return &health{remote: remote, since: now}
}

// frame takes note of a frame of t, which is h's video or audio.
func (h *health) frame(t *track, now time.Time, dts time.Duration, bytes int, key bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.frame(now, dts, bytes, key)
}

// pictured reads the size of the picture. A parameter set that cannot be read
// leaves it unknown.
func (h *health) pictured(sps []byte) {
	var s h264.SPS
	if s.Unmarshal(sps) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.width, h.height = s.Width(), s.Height()
}

// sounded reads the kind of sound from an AudioSpecificConfig.
func (h *health) sounded(asc []byte) {
	var c mpeg4audio.AudioSpecificConfig
	if c.Unmarshal(asc) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sampleRate, h.channels = c.SampleRate, c.ChannelCount
}

func (h *health) named(encoder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.encoder = clip(encoder, maxEncoderName)
}

// contest notes that another encoder wants to take over and is kept away.
func (h *health) contest(rival string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rival, h.rivalUntil = rival, until
}

// quiet is for how long nothing came.
func (h *health) quiet(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.since
	for _, t := range []*track{&h.video, &h.audio} {
		if t.arrived.After(last) {
			last = t.arrived
		}
	}
	return now.Sub(last)
}

// drop counts a message that made no sense.
func (h *health) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropped++
}

// counts is what the log tells about the publisher at its end.
func (h *health) counts() (video, audio, dropped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.video.frames, h.audio.frames, h.dropped
}

// snapshot describes the publisher as of now.
func (h *health) snapshot(now time.Time) Publisher {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := Publisher{
		Connected: true,
		Since:     Time{h.since},
		Remote:    h.remote,
		Encoder:   h.encoder,
		Advice:    h.advice(now),
	}
	if h.video.frames > 0 || h.width > 0 {
		p.Video = &Video{
			Codec: "h264", Width: h.width, Height: h.height,
			FPS:              round(h.video.fps(), 2),
			Bitrate:          h.video.bitrate(now),
			KeyframeInterval: round(h.video.keyInterval().Seconds(), 2),
		}
	}
	if h.audio.frames > 0 || h.sampleRate > 0 {
		p.Audio = &Audio{
			Codec: "aac", SampleRate: h.sampleRate, Channels: h.channels,
			Bitrate: h.audio.bitrate(now),
		}
	}
	return p
}

func round(f float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(f*scale) / scale
}
