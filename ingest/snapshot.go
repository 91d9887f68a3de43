package ingest

import (
	"math"
	"time"
)

// Publisher describes who publishes on a channel, for the studio.
type Publisher struct {
	Connected bool   `json:"connected"`
	Since     Time   `json:"since,omitzero"`
	Remote    string `json:"remote,omitempty"`
	Encoder   string `json:"encoder,omitempty"` // as it calls itself

	Video      *Video  `json:"video,omitempty"`
	Renditions []Video `json:"renditions,omitempty"` // the further ones
	Audio      *Audio  `json:"audio,omitempty"`

	RTT      float64 `json:"rtt,omitempty"`      // seconds there and back
	Drift    float64 `json:"drift,omitempty"`    // seconds that the sound is ahead of the picture
	Late     int     `json:"late,omitempty"`     // frames that came more than a second behind their time
	Repaired int     `json:"repaired,omitempty"` // frames with times that make no sense
	Dropped  int     `json:"dropped,omitempty"`  // messages that made no sense
	Queue    int     `json:"queue,omitempty"`    // bytes that have arrived and wait to be packaged
	OBS      *OBS    `json:"obs,omitempty"`

	Advice []string `json:"advice"` // sentences for the host, the worst first

	faults []fault
}

// Video describes a picture that arrives.
type Video struct {
	Track            int     `json:"track,omitempty"`
	Codec            string  `json:"codec"`
	Width            int     `json:"width"`
	Height           int     `json:"height"`
	FPS              float64 `json:"fps"`
	Bitrate          int     `json:"bitrate"`            // bits per second
	KeyframeInterval float64 `json:"keyframe_interval"`  // seconds; 0 until known
	LeftOut          bool    `json:"left_out,omitempty"` // viewers are not offered it
}

// Audio describes the sound that arrives.
type Audio struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sample_rate"` // Hz
	Channels   int    `json:"channels"`
	Bitrate    int    `json:"bitrate"` // bits per second
}

// OBS is what OBS tells about itself when it sends several renditions: frames
// since it began.
type OBS struct {
	Rendered uint32  `json:"rendered"`
	Lagged   uint32  `json:"lagged"`  // its compositor was too slow
	Skipped  uint32  `json:"skipped"` // its encoders were
	Dropped  uint32  `json:"dropped"` // the network was
	Latency  float64 `json:"latency"` // seconds from the picture to here, if both clocks are right
}

// Time is in JSON what all of souk's times are: RFC 3339, UTC, milliseconds.
type Time struct{ time.Time }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z07:00"`), nil
}

// absent is a channel without a publisher, with a sentence about why, or "".
func absent(why string) Publisher {
	p := Publisher{Advice: []string{}}
	if why != "" {
		p.Advice = append(p.Advice, why)
	}
	return p
}

// snapshot describes the publisher as of now.
func (p *publisher) snapshot(now time.Time) Publisher {
	for track := range maxTracks {
		p.health.offered(track, p.media.Offers(track), now)
	}
	return p.health.snapshot(now)
}

// snapshot describes what was measured.
func (h *health) snapshot(now time.Time) Publisher {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := Publisher{
		Connected: true,
		Since:     Time{h.since},
		Remote:    h.remote,
		Encoder:   h.encoder,
		RTT:       round(h.rtt.Seconds(), 6),
		Late:      h.late,
		Repaired:  h.repaired,
		Dropped:   h.dropped,
		Queue:     h.backlog,
		Advice:    []string{},
		faults:    h.advise(now),
	}
	for _, f := range p.faults {
		p.Advice = append(p.Advice, f.advice)
	}
	if skew, ok := h.skew(); ok {
		p.Drift = round(skew.Seconds(), 2)
	}
	for i := range h.videos {
		if v := &h.videos[i]; v.frames > 0 || v.codec != 0 {
			described := v.describe(now)
			described.LeftOut = h.leftOut(i, now)
			p.show(i, described)
		}
	}
	if s := &h.sound; s.frames > 0 || s.codec != 0 {
		p.Audio = &Audio{
			Codec: s.codec.String(), SampleRate: s.sampleRate, Channels: s.channels,
			Bitrate: s.bitrate(now),
		}
	}
	if o := h.obs; o != nil {
		p.OBS = &OBS{o.session.Rendered, o.session.Lagged, o.encoders.Skipped, o.session.Dropped, round(o.latency.Seconds(), 3)}
	}
	return p
}

func (p *Publisher) show(track int, v Video) {
	if track == 0 {
		p.Video = &v
		return
	}
	v.Track = track
	p.Renditions = append(p.Renditions, v)
}

func (p *picture) describe(now time.Time) Video {
	return Video{
		Codec: p.codec.String(), Width: p.width, Height: p.height,
		FPS:              round(p.fps(), 2),
		Bitrate:          p.bitrate(now),
		KeyframeInterval: round(p.keyInterval().Seconds(), 2),
	}
}

func round(f float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(f*scale) / scale
}
