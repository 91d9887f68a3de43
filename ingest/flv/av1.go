package flv

// OBU types, AV1 bitstream specification section 6.2.2.
const (
	obuSequence  = 1
	obuDelimiter = 2
	obuMetadata  = 5
	obuPadding   = 15
)

// obuType is the type of an OBU that is not empty.
func obuType(obu []byte) byte { return obu[0] >> 3 & 15 }

// IsMetadata reports whether an OBU, not an empty one, is metadata.
func IsMetadata(obu []byte) bool { return obuType(obu) == obuMetadata }

// OBUPayload is what follows the header of an OBU that came from OBUs.
func OBUPayload(obu []byte) []byte {
	r := reader{obu}
	_, payload := r.obu()
	return payload
}

// ParseAV1 reads an AV1CodecConfigurationRecord (AV1 in ISO BMFF section 2.3)
// and returns its sequence header OBU, nil when that is left to the stream.
func ParseAV1(b []byte) (header []byte, err error) {
	r := reader{b}
	if head := r.take(4); r.failed() || head[0] != 0x81 {
		return nil, ErrMalformed
	}
	units, err := OBUs(r.b)
	if err != nil {
		return nil, err
	}
	return SequenceHeader(units), nil
}

// SequenceHeader finds the sequence header among OBUs.
func SequenceHeader(units [][]byte) []byte {
	for _, u := range units {
		if obuType(u) == obuSequence {
			return u
		}
	}
	return nil
}

// OBUs cuts a temporal unit into its OBUs, each with its header as it came.
// Delimiters and padding are left out.
func OBUs(b []byte) ([][]byte, error) {
	units := make([][]byte, 0, 4)
	for r := (reader{b}); len(r.b) > 0; {
		if len(units) == maxUnits {
			return nil, ErrMalformed
		}
		obu, _ := r.obu()
		if r.failed() {
			return nil, ErrMalformed
		}
		if kind := obuType(obu); kind != obuDelimiter && kind != obuPadding {
			units = append(units, obu[:len(obu):len(obu)])
		}
	}
	return units, nil
}

// obu takes one OBU (section 5.3.2); without a size it is all there is.
func (r *reader) obu() (whole, payload []byte) {
	start := r.b
	head := r.byte()
	if head&0x80 != 0 { // forbidden bit
		r.b = exhausted
	}
	if head&4 != 0 { // extension
		r.byte()
	}
	size := len(r.b)
	if head&2 != 0 {
		size = r.leb128()
	}
	payload = r.take(size)
	if r.failed() {
		return []byte{0}, nil
	}
	return start[:len(start)-len(r.b)], payload
}

// leb128 reads a number of at most eight bytes, section 4.10.5.
func (r *reader) leb128() int {
	n := uint64(0)
	for i := range 8 {
		b := r.byte()
		n |= uint64(b&0x7f) << (7 * i)
		if b&0x80 == 0 {
			if n > 1<<32-1 {
				break
			}
			return int(n)
		}
	}
	r.b = exhausted
	return 0
}
