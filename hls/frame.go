package hls

import "time"

// Kind is the medium of a frame.
type Kind uint8

// The media a session takes.
const (
	Video Kind = iota
	Audio
)

func (k Kind) String() string {
	if k == Video {
		return "video"
	}
	return "audio"
}

// Frame is one access unit with its times.
type Frame struct {
	Kind Kind

	// PTS and DTS are on the publisher's clock, without wrap-around. Audio has them equal.
	PTS, DTS time.Duration

	// Key says that the encoder flagged the frame as a key frame. Only an IDR slice among Units is believed.
	Key bool

	// Units are NAL units without start code or length (video), or one raw AAC access unit (audio).
	Units [][]byte

	// Arrived is when the frame came in on the server's clock; zero means now.
	Arrived time.Time
}

// NAL unit types of ITU-T H.264 table 7-1 that matter to packaging.
const (
	nalIDR       = 5
	nalSPS       = 7
	nalPPS       = 8
	nalDelimiter = 9
	nalFiller    = 12
)

// picture is a video frame's access unit after cleaning.
type picture struct {
	units    [][]byte
	key      bool   // holds an IDR slice
	coded    bool   // holds a slice at all
	sps, pps []byte // the first of each kind that came in-band
}

// clean drops what must not reach the muxer: empty units, which it would index into, and delimiters and filler, which
// ISO 14496-15 section 5.3.1 wants out of samples.
func clean(units [][]byte) picture {
	var p picture
	if len(units) > maxUnits {
		units = units[:maxUnits]
	}
	p.units = make([][]byte, 0, len(units)+2)
	for _, u := range units {
		if len(u) == 0 {
			continue
		}
		switch t := u[0] & 0x1f; t {
		case nalDelimiter, nalFiller:
			continue
		case nalIDR:
			p.key, p.coded = true, true
		case 1, 2, 3, 4:
			p.coded = true
		case nalSPS:
			if p.sps == nil {
				p.sps = u
			}
		case nalPPS:
			if p.pps == nil {
				p.pps = u
			}
		}
		p.units = append(p.units, u)
	}
	return p
}

// withParams puts parameter sets in front of a key frame that brought none: RTMP carries them outside of the stream.
func (p picture) withParams(sps, pps []byte) [][]byte {
	if !p.key || p.sps != nil {
		return p.units
	}
	return append([][]byte{sps, pps}, p.units...)
}
