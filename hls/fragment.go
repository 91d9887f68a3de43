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

// traf is what one track has in a fragment (ISO 14496-12 section 8.8.6).
type traf struct {
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
// to follow, one after the other; empty trafs are left out.
func appendFragment(b []byte, number uint32, trafs ...traf) []byte {
	size, data := boxHead+mfhd, 0
	for _, t := range trafs {
		if len(t.samples) > 0 {
			size += t.boxSize()
			data += t.size
		}
	}
	b = appendBox(b, size, "moof")
	b = appendBox(b, mfhd, "mfhd")
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, number)
	at := size + boxHead
	for _, t := range trafs {
		if len(t.samples) > 0 {
			b = t.append(b, at)
			at += t.size
		}
	}
	return appendBox(b, boxHead+data, "mdat")
}

func appendBox(b []byte, size int, kind string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(size)), kind...)
}

// flags tells which fields the samples of the traf need.
func (t traf) flags() (flags uint32, each int) {
	flags, each = hasOffset|hasDuration|hasSize, 8
	keys, shifted := true, false
	for _, x := range t.samples {
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

func (t traf) boxSize() int {
	_, each := t.flags()
	return boxHead + tfhd + tfdt + trun + len(t.samples)*each
}

// appendTraf writes the track fragment; its data lies that many bytes behind the start of the moof.
func (t traf) append(b []byte, data int) []byte {
	flags, each := t.flags()
	b = appendBox(b, t.boxSize(), "traf")

	b = appendBox(b, tfhd, "tfhd")
	b = binary.BigEndian.AppendUint32(b, baseIsMoof)
	b = binary.BigEndian.AppendUint32(b, t.track)

	b = appendBox(b, tfdt, "tfdt")
	b = binary.BigEndian.AppendUint32(b, 1<<24) // version 1: 64 bits
	b = binary.BigEndian.AppendUint64(b, uint64(t.samples[0].at))

	b = appendBox(b, trun+len(t.samples)*each, "trun")
	b = binary.BigEndian.AppendUint32(b, 1<<24|flags) // version 1: offsets have a sign
	b = binary.BigEndian.AppendUint32(b, uint32(len(t.samples)))
	b = binary.BigEndian.AppendUint32(b, uint32(data))
	for _, x := range t.samples {
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
