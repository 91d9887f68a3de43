package ingest

import (
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"souk/hls"
	"souk/ingest/bpm"
	"souk/ingest/flv"
)

// What rates are measured over.
const (
	rateSeconds = 5  // of the server's clock, for bit rates
	rateFrames  = 90 // for frame rates
)

// maxEncoderName is how much of an encoder's name is kept, in bytes.
const maxEncoderName = 100

// health measures a publisher. The session's goroutine writes, anyone reads.
type health struct {
	remote string
	since  time.Time
	policy Policy

	mu         sync.Mutex // guards the rest
	encoder    string
	videos     [maxTracks]picture
	sound      sound
	late       int
	repaired   int
	dropped    int       // messages that made no sense
	jumps      spell     // of the clock
	drops      spell     // messages that made none
	rival      string    // another encoder with the same key, where it is,
	rivalUntil time.Time // and until when it is kept away
	rtt        time.Duration
	backlog    int       // bytes
	behind     time.Time // since when there is a backlog to worry about
	obs        *obs
}

// picture is one video track.
type picture struct {
	track
	codec         hls.Codec
	width, height int
	missing       time.Time // since when viewers are not offered it; zero when they are, or nobody has looked
}

// sound is the audio track.
type sound struct {
	track
	codec      hls.Codec
	sampleRate int
	channels   int
}

// obs sums up what the encoder says about itself.
type obs struct {
	at       time.Time // of the last report
	latency  time.Duration
	session  bpm.Session
	encoders bpm.Rendition // all of them together
}

func newHealth(remote string, now time.Time, policy Policy) *health {
	return &health{remote: remote, since: now, policy: policy}
}

// frame takes note of a frame of t, one of h's tracks. It reports whether the
// frame was late, and whether its time made no sense.
func (h *health) frame(t *track, now time.Time, dts time.Duration, bytes int, key bool) (late, repaired bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	repaired, jumped := t.frame(now, dts, bytes, key)
	late = t.late > lateFrame
	if late {
		h.late++
	}
	if repaired {
		h.repaired++
	}
	if jumped {
		h.jumps.note(now)
	}
	return late, repaired
}

// pictured reads the size of the picture. Parameters that cannot be read leave
// it unknown.
func (h *health) pictured(track int, c hls.VideoConfig) {
	width, height := 0, 0
	switch c.Codec {
	case hls.H264:
		var s h264.SPS
		if s.Unmarshal(c.SPS) == nil {
			width, height = s.Width(), s.Height()
		}
	case hls.H265:
		var s h265.SPS
		if s.Unmarshal(c.SPS) == nil {
			width, height = s.Width(), s.Height()
		}
	case hls.AV1:
		var s av1.SequenceHeader
		bare := append([]byte{c.Header[0] &^ 2}, flv.OBUPayload(c.Header)...)
		if s.Unmarshal(bare) == nil {
			width, height = s.Width(), s.Height()
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &h.videos[track]
	p.codec, p.width, p.height = c.Codec, width, height
}

// sounded reads the kind of sound.
func (h *health) sounded(c hls.AudioConfig) {
	rate, channels := c.SampleRate, c.Channels
	if c.Codec == hls.AAC {
		var a mpeg4audio.AudioSpecificConfig
		if a.Unmarshal(c.ASC) != nil {
			return
		}
		rate, channels = a.SampleRate, channelsOf(a.ChannelConfig)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sound.codec, h.sound.sampleRate, h.sound.channels = c.Codec, rate, channels
}

// channelsOf is how many speakers an AAC channel configuration has (ISO/IEC
// 14496-3, table 1.19); 0 where the stream itself has to say.
func channelsOf(config uint8) int {
	if config == 7 {
		return 8
	}
	return int(config)
}

func (h *health) named(encoder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.encoder = clip(encoder, maxEncoderName)
}

// sample takes note of the connection.
func (h *health) sample(now time.Time, rtt time.Duration, backlog int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rtt, h.backlog = rtt, backlog
	switch {
	case backlog < longBacklog:
		h.behind = time.Time{}
	case h.behind.IsZero():
		h.behind = now
	}
}

// reported adds up what the encoder says about itself. All tracks repeat what
// it says about the program.
func (h *health) reported(track int, r bpm.Report, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.obs == nil {
		h.obs = new(obs)
	}
	h.obs.at = now
	if track == 0 {
		s := &h.obs.session
		s.Rendered += r.Session.Rendered
		s.Lagged += r.Session.Lagged
		s.Dropped += r.Session.Dropped
		s.Output += r.Session.Output
		if !r.Composed.IsZero() {
			h.obs.latency = now.Sub(r.Composed)
		}
	}
	e := &h.obs.encoders
	e.Input += r.Rendition.Input
	e.Skipped += r.Rendition.Skipped
	e.Output += r.Rendition.Output
}

// offered takes note of whether viewers are offered a track.
func (h *health) offered(track int, is bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := &h.videos[track]
	switch {
	case is:
		v.missing = time.Time{}
	case v.missing.IsZero():
		v.missing = now
	}
}

// leftOut reports whether viewers get the picture, and have for long not been
// offered this further rendition of it. The caller holds mu.
func (h *health) leftOut(track int, now time.Time) bool {
	source, v := &h.videos[0], &h.videos[track]
	return track > 0 && source.frames > 0 && source.missing.IsZero() && v.frames > 0 &&
		!v.missing.IsZero() && now.Sub(v.missing) > max(longMissing, 3*source.keyInterval())
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
	for _, t := range []*track{&h.videos[0].track, &h.sound.track} {
		if t.arrived.After(last) {
			last = t.arrived
		}
	}
	return now.Sub(last)
}

// drop counts a message that made no sense.
func (h *health) drop(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropped++
	h.drops.note(now)
}

// counts is what the log tells about the publisher at its end.
func (h *health) counts() (video, audio, dropped int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.videos[0].frames, h.sound.frames, h.dropped
}

// skew is how far the sound is ahead of the picture, by the newest frame of
// each, both counted on to now: encoders send them at the same time. The caller
// holds mu.
func (h *health) skew() (ahead time.Duration, known bool) {
	v, a := &h.videos[0].track, &h.sound.track
	if v.count < 2 || a.count < 2 {
		return 0, false
	}
	return (a.last() - v.last()) - a.arrived.Sub(v.arrived), true
}

// spell notices when something happens often.
type spell struct {
	last [spellCount]time.Time
	n    int
}

// A spell is this much in that time.
const (
	spellCount = 5
	spellSpan  = time.Minute
)

func (s *spell) note(now time.Time) {
	s.last[s.n%spellCount] = now
	s.n++
}

func (s *spell) on(now time.Time) bool {
	return s.n >= spellCount && now.Sub(s.last[s.n%spellCount]) < spellSpan
}
