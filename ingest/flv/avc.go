package flv

// maxUnits is how many NAL units one access unit may be cut into.
const maxUnits = 512

// AVC is what matters of an AVCDecoderConfigurationRecord (ISO 14496-15
// section 5.3.3.1): the first parameter set of each kind, and how many bytes
// the length in front of every NAL unit takes.
type AVC struct {
	SPS, PPS   []byte
	LengthSize int // 1, 2 or 4
}

// ParseAVC reads the record. A record without parameter sets is fine: they may
// come in the stream.
func ParseAVC(b []byte) (AVC, error) {
	r := reader{b}
	head := r.take(5)
	if r.failed() || head[0] != 1 {
		return AVC{}, ErrMalformed
	}
	c := AVC{LengthSize: int(head[4]&3) + 1}
	if c.LengthSize == 3 {
		return AVC{}, ErrMalformed
	}
	c.SPS = r.sets(int(r.byte() & 31))
	c.PPS = r.sets(int(r.byte()))
	if r.failed() {
		return AVC{}, ErrMalformed
	}
	return c, nil
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

// Units cuts an access unit into NAL units without their lengths. Empty ones
// are left out.
func (c AVC) Units(b []byte) ([][]byte, error) {
	units := make([][]byte, 0, 4)
	for len(b) > 0 {
		if len(b) < c.LengthSize || len(units) == maxUnits {
			return nil, ErrMalformed
		}
		n := uint64(0)
		for _, v := range b[:c.LengthSize] {
			n = n<<8 | uint64(v)
		}
		b = b[c.LengthSize:]
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
