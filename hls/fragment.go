package hls

import "encoding/binary"

// sample is one access unit within a track of fragmented MP4.
type sample struct {
	at       int64 // decode time, in ticks of the track
	duration uint32
	offset   int32 // presentation time minus decode time
	size     int
	key      bool // decoding can start here
}

// stretch is what one track has in a fragment.
type stretch struct {
	track   uint32
	samples []sample
	size    int // of all samples
}

const (
	boxHead = 8
	mfhd    = boxHead + 8
	tfhd    = boxHead + 8
	tfdt    = boxHead + 12
	trun    = boxHead + 12 // and its samples
)

// Flags of ISO 14496-12 section 8.8.
const (
	baseIsMoof  = 0x020000 // tfhd: data offsets count from the moof
	hasOffset   = 0x000001 // trun: of the data
	hasDuration = 0x000100
	hasSize     = 0x000200
	hasFlags    = 0x000400
	hasShift    = 0x000800 // composition time offset
	dependent   = 0x010000 // sample flags: sample_is_non_sync_sample
)

// appendFragment writes a moof and the head of its mdat (ISO 14496-12 sections 8.8 and 8.1.1). The samples' bytes have
// to follow, stretch after stretch; empty stretches are left out.
func appendFragment(b []byte, number uint32, stretches ...stretch) []byte {
	size, data := boxHead+mfhd, 0
	for _, s := range stretches {
		if len(s.samples) > 0 {
			size += s.trafSize()
			data += s.size
		}
	}
	b = appendBox(b, size, "moof")
	b = appendBox(b, mfhd, "mfhd")
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, number)
	at := size + boxHead
	for _, s := range stretches {
		if len(s.samples) > 0 {
			b = s.appendTraf(b, at)
			at += s.size
		}
	}
	return appendBox(b, boxHead+data, "mdat")
}

func appendBox(b []byte, size int, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(size)), kind...)
}

// flags tells which fields the samples of the stretch need.
func (s stretch) flags() (flags uint32, each int) {
	flags, each = hasOffset|hasDuration|hasSize, 8
	keys, shifted := true, false
	for _, x := range s.samples {
		keys = keys && x.key
		shifted = shifted || x.offset != 0
	}
	if !keys {
		flags, each = flags|hasFlags, each+4
	}
	if shifted {
		flags, each = flags|hasShift, each+4
	}
	return flags, each
}

func (s stretch) trafSize() int {
	_, each := s.flags()
	return boxHead + tfhd + tfdt + trun + len(s.samples)*each
}

// appendTraf writes the track fragment; its data lies that many bytes behind the start of the moof.
func (s stretch) appendTraf(b []byte, data int) []byte {
	flags, each := s.flags()
	b = appendBox(b, s.trafSize(), "traf")

	b = appendBox(b, tfhd, "tfhd")
	b = binary.BigEndian.AppendUint32(b, baseIsMoof)
	b = binary.BigEndian.AppendUint32(b, s.track)

	b = appendBox(b, tfdt, "tfdt")
	b = binary.BigEndian.AppendUint32(b, 1<<24) // version 1: 64 bits
	b = binary.BigEndian.AppendUint64(b, uint64(s.samples[0].at))

	b = appendBox(b, trun+len(s.samples)*each, "trun")
	b = binary.BigEndian.AppendUint32(b, 1<<24|flags) // version 1: offsets have a sign
	b = binary.BigEndian.AppendUint32(b, uint32(len(s.samples)))
	b = binary.BigEndian.AppendUint32(b, uint32(data))
	for _, x := range s.samples {
		b = binary.BigEndian.AppendUint32(b, x.duration)
		b = binary.BigEndian.AppendUint32(b, uint32(x.size))
		if flags&hasFlags != 0 {
			about := uint32(0)
			if !x.key {
				about = dependent
			}
			b = binary.BigEndian.AppendUint32(b, about)
		}
		if flags&hasShift != 0 {
			b = binary.BigEndian.AppendUint32(b, uint32(x.offset))
		}
	}
	return b
}
