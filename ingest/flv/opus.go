package flv

import (
	"bytes"
	"encoding/binary"
)

// opusRate is what Opus is decoded at.
const opusRate = 48000

// ParseOpus reads an identification header (RFC 7845 section 5.1). An empty one
// stands for stereo; rate is that of the source, in Hz.
func ParseOpus(b []byte) (channels, rate int, err error) {
	if len(b) == 0 {
		return 2, opusRate, nil
	}
	if len(b) < 19 || !bytes.HasPrefix(b, []byte("OpusHead")) || b[8]>>4 != 0 || b[9] == 0 {
		return 0, 0, ErrMalformed
	}
	rate = int(binary.LittleEndian.Uint32(b[12:]))
	if rate == 0 {
		rate = opusRate
	}
	return int(b[9]), rate, nil
}
