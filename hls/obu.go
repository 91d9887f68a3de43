package hls

// OBU types of AV1 section 6.2.2 that matter to packaging.
const (
	obuSequence    = 1
	obuDelimiter   = 2
	obuFrameHeader = 3
	obuTileGroup   = 4
	obuFrame       = 6
	obuRedundant   = 7
	obuTileList    = 8
	obuPadding     = 15
)

// cleanAV1 keeps what belongs into a sample (AV1-ISOBMFF section 2.4). A sequence header goes in front of key frames
// and nowhere else: some take it for the sign of one.
func (p *picture) cleanAV1(units [][]byte) {
	for _, u := range units {
		u, spatial := bareOBU(u)
		if len(u) == 0 || spatial > 0 {
			continue
		}
		switch obuType(u) {
		case obuDelimiter, obuTileList, obuPadding, obuRedundant:
			continue
		case obuSequence:
			first(&p.inBand.Header, u)
			continue // goes in front, once, if this is a key frame
		case obuFrame, obuFrameHeader:
			p.coded = true
			p.key = p.key || startsKeyFrame(u)
		case obuTileGroup:
			p.coded = true
		}
		p.units = append(p.units, u)
	}
	if p.key && p.inBand.Header != nil {
		p.units = append([][]byte{p.inBand.Header}, p.units...)
	}
}

func obuType(u []byte) byte { return u[0] >> 3 & 15 }

// startsKeyFrame reports whether a frame header is that of a shown key frame (AV1 section 5.9.2): bits
// show_existing_frame 0, frame_type 00, show_frame 1.
func startsKeyFrame(u []byte) bool { return len(u) > 1 && u[1]>>4 == 1 }

// bareOBU takes the size field and the extension header out of an OBU, which fragments carry in a form of their own, and returns the
// spatial layer that the extension named. The answer is nil for what is no OBU (AV1 section 5.3). It overwrites bytes of
// its argument.
func bareOBU(u []byte) (bare []byte, spatial byte) {
	const extension, sized, forbidden = 4, 2, 0x80
	if len(u) == 0 || u[0]&forbidden != 0 {
		return nil, 0
	}
	if u[0]&(extension|sized) == 0 {
		return u, 0
	}
	rest := u[1:]
	if u[0]&extension != 0 {
		if len(rest) == 0 {
			return nil, 0
		}
		spatial = rest[0] >> 3 & 3
		rest = rest[1:]
	}
	size := len(rest)
	if u[0]&sized != 0 {
		told, n := leb128(rest)
		if n == 0 || told > uint64(len(rest)-n) {
			return nil, 0
		}
		size, rest = int(told), rest[n:]
	}
	at := len(u) - len(rest)
	u[at-1] = u[0] &^ (extension | sized) // the bytes in front of the payload are not needed any more
	return u[at-1 : at+size], spatial
}

// leb128 reads an unsigned number (AV1 section 4.10.5) and its length in bytes, 0 if it is cut short.
func leb128(b []byte) (v uint64, n int) {
	for i := range min(len(b), 8) {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, i + 1
		}
	}
	return 0, 0
}
