package flv

import "bytes"

// maxUnits is how many NAL units or OBUs one access unit may be cut into.
const maxUnits = 512

// Sets is what matters of the configuration record of H.264 or HEVC: the first
// parameter set of each kind, and how many bytes the length in front of every
// NAL unit takes.
type Sets struct {
	VPS, SPS, PPS []byte // H.264 has no VPS
	LengthSize    int    // 1, 2 or 4
}

// ParseAVC reads an AVCDecoderConfigurationRecord (ISO 14496-15 section
// 5.3.3.1). One without parameter sets is fine: they may come in the stream.
func ParseAVC(b []byte) (Sets, error) {
	r := reader{b}
	head := r.take(5)
	if r.failed() || head[0] != 1 {
		return Sets{}, ErrMalformed
	}
	s := Sets{LengthSize: int(head[4]&3) + 1}
	s.SPS = r.sets(int(r.byte() & 31))
	s.PPS = r.sets(int(r.byte()))
	if r.failed() || s.LengthSize == 3 {
		return Sets{}, ErrMalformed
	}
	return s, nil
}

// ParseHEVC reads an HEVCDecoderConfigurationRecord (ISO 14496-15 section
// 8.3.3.1). One without parameter sets is fine too.
func ParseHEVC(b []byte) (Sets, error) {
	r := reader{b}
	head := r.take(22)
	if r.failed() || head[0] > 1 { // 0 was the version of drafts
		return Sets{}, ErrMalformed
	}
	s := Sets{LengthSize: int(head[21]&3) + 1}
	for range r.byte() {
		kind := r.byte() & 63
		set := r.sets(r.uint16())
		s.keep(H265, kind, set)
	}
	if r.failed() || s.LengthSize == 3 {
		return Sets{}, ErrMalformed
	}
	return s, nil
}

// sets reads n parameter sets and returns the first.
func (r *reader) sets(n int) (first []byte) {
	for i := range n {
		set := r.take(r.uint16())
		if i == 0 {
			first = set
		}
		if r.failed() {
			return nil
		}
	}
	return first
}

// NAL unit types: H.264 table 7-1, H.265 table 7-1.
const (
	avcIDR, avcSEI, avcSPS, avcPPS          = 5, 6, 7, 8
	hevcIRAP, hevcIRAPEnd                   = 16, 21
	hevcVPS, hevcSPS, hevcPPS, hevcPrefixSE = 32, 33, 34, 39
)

// unitType is the type of a NAL unit that is not empty.
func unitType(c Codec, unit []byte) byte {
	if c == H265 {
		return unit[0] >> 1 & 63
	}
	return unit[0] & 31
}

// keep takes a unit that is the first parameter set of its kind.
func (s *Sets) keep(c Codec, kind byte, set []byte) {
	var to *[]byte
	switch {
	case len(set) == 0:
		return
	case c == H265 && kind == hevcVPS:
		to = &s.VPS
	case c == H265 && kind == hevcSPS, c == H264 && kind == avcSPS:
		to = &s.SPS
	case c == H265 && kind == hevcPPS, c == H264 && kind == avcPPS:
		to = &s.PPS
	default:
		return
	}
	if *to == nil {
		*to = set
	}
}

// Complete reports whether a decoder has all it needs.
func (s Sets) Complete(c Codec) bool {
	return s.SPS != nil && s.PPS != nil && (s.VPS != nil || c != H265)
}

// With returns s with the parameter sets among the units of an access unit put
// in place, and whether that made a difference. They are copies.
func (s Sets) With(c Codec, units [][]byte) (Sets, bool) {
	found := Sets{}
	for _, u := range units {
		found.keep(c, unitType(c, u), u)
	}
	changed := false
	for _, f := range []struct{ to, from *[]byte }{{&s.VPS, &found.VPS}, {&s.SPS, &found.SPS}, {&s.PPS, &found.PPS}} {
		if *f.from != nil && !bytes.Equal(*f.to, *f.from) {
			*f.to = bytes.Clone(*f.from)
			changed = true
		}
	}
	return s, changed
}

// Units cuts an access unit into NAL units without their lengths. Empty ones
// are left out.
func (s Sets) Units(b []byte) ([][]byte, error) {
	units := make([][]byte, 0, 4)
	for len(b) > 0 {
		if len(b) < s.LengthSize || len(units) == maxUnits {
			return nil, ErrMalformed
		}
		n := uint64(0)
		for _, v := range b[:s.LengthSize] {
			n = n<<8 | uint64(v)
		}
		b = b[s.LengthSize:]
		if n > uint64(len(b)) {
			return nil, ErrMalformed
		}
		if n > 0 {
			units = append(units, b[:n:n])
		}
		b = b[n:]
	}
	return units, nil
}

// IsKey reports whether decoding can start at an access unit: what is in it
// decides, since encoders get the flag of the tag wrong.
func IsKey(c Codec, units [][]byte) bool {
	for _, u := range units {
		switch kind := unitType(c, u); c {
		case H264:
			if kind == avcIDR {
				return true
			}
		case H265:
			if kind >= hevcIRAP && kind <= hevcIRAPEnd {
				return true
			}
		case AV1:
			if obuType(u) == obuSequence {
				return true
			}
		}
	}
	return false
}

// IsSEI reports whether a NAL unit, not an empty one, is supplemental
// information that comes before the picture.
func IsSEI(c Codec, unit []byte) bool {
	kind := unitType(c, unit)
	return c == H264 && kind == avcSEI || c == H265 && kind == hevcPrefixSE
}
