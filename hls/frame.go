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

	// Track is the rendition that a video frame belongs to: 0 is the source. Audio has one track, 0.
	Track int

	// PTS and DTS are on the publisher's clock, without wrap-around. Audio has them equal.
	PTS, DTS time.Duration

	// Key says that the encoder flagged the frame as a key frame. Only what is found in Units is believed.
	Key bool

	// Units are NAL units without start code or length (H.264, H.265), the OBUs of one temporal unit (AV1), or one raw
	// access unit (audio).
	Units [][]byte

	// Arrived is when the frame came in on the server's clock; zero means now.
	Arrived time.Time
}

// clone has bytes of its own.
func (f Frame) clone() Frame {
	size := 0
	for _, u := range f.Units {
		size += len(u)
	}
	bytes, units := make([]byte, 0, size), make([][]byte, len(f.Units))
	for i, u := range f.Units {
		from := len(bytes)
		bytes = append(bytes, u...)
		units[i] = bytes[from:len(bytes):len(bytes)]
	}
	f.Units = units
	return f
}

// picture is a video frame's access unit after cleaning.
type picture struct {
	units  [][]byte
	key    bool        // decoding can start here
	coded  bool        // holds something of a picture at all
	inBand VideoConfig // the first parameter set of each kind that came with it
}

// clean drops empty units, and what ISO 14496-15 wants out of samples.
func clean(codec Codec, units [][]byte) picture {
	if len(units) > maxUnits {
		units = units[:maxUnits]
	}
	p := picture{units: make([][]byte, 0, len(units)+3), inBand: VideoConfig{Codec: codec}}
	switch codec {
	case H265:
		p.cleanH265(units)
	case AV1:
		p.cleanAV1(units)
	default:
		p.cleanH264(units)
	}
	return p
}

// NAL unit types of ITU-T H.264 table 7-1 that matter to packaging.
const (
	nalIDR       = 5
	nalSPS       = 7
	nalPPS       = 8
	nalDelimiter = 9
	nalFiller    = 12
)

func (p *picture) cleanH264(units [][]byte) {
	for _, u := range units {
		if len(u) == 0 {
			continue
		}
		switch u[0] & 0x1f {
		case nalDelimiter, nalFiller: // ISO 14496-15 section 5.3.1
			continue
		case nalIDR:
			p.key, p.coded = true, true
		case 1, 2, 3, 4:
			p.coded = true
		case nalSPS:
			first(&p.inBand.SPS, u)
		case nalPPS:
			first(&p.inBand.PPS, u)
		}
		p.units = append(p.units, u)
	}
}

// NAL unit types of ITU-T H.265 table 7-1 that matter to packaging.
const (
	hevcLastSlice = 31
	hevcIDRRADL   = 19 // IDR_W_RADL
	hevcIDR       = 20 // IDR_N_LP
	hevcCRA       = 21
	hevcVPS       = 32
	hevcSPS       = 33
	hevcPPS       = 34
	hevcDelimiter = 35
	hevcFiller    = 38
)

func (p *picture) cleanH265(units [][]byte) {
	for _, u := range units {
		if len(u) < 2 {
			continue
		}
		switch t := u[0] >> 1 & 0x3f; t {
		case hevcDelimiter, hevcFiller: // ISO 14496-15 section 8.3.2
			continue
		case hevcIDRRADL, hevcIDR, hevcCRA:
			p.key, p.coded = true, true
		case hevcVPS:
			first(&p.inBand.VPS, u)
		case hevcSPS:
			first(&p.inBand.SPS, u)
		case hevcPPS:
			first(&p.inBand.PPS, u)
		default:
			p.coded = p.coded || t <= hevcLastSlice
		}
		p.units = append(p.units, u)
	}
}

func first(to *[]byte, unit []byte) {
	if *to == nil {
		*to = unit
	}
}

// withParams are the units with all parameter sets in front of a key frame that did not bring them: RTMP carries them
// outside of the stream.
func (p picture) withParams(c VideoConfig) [][]byte {
	if !p.key {
		return p.units
	}
	for _, set := range p.inBand.sets() {
		if set == nil {
			return append(c.sets(), p.units...)
		}
	}
	return p.units
}
