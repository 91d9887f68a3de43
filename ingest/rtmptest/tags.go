package rtmptest

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"souk/ingest/flv"
)

// Packet types of enhanced tags.
const (
	packetConfig     = 0
	packetFrame      = 1
	packetFrameX     = 3
	packetMultitrack = 6
)

// Forms of multitrack tags.
const (
	OneTrack        = 0
	ManyTracks      = 1
	ManyTracksCodec = 2
)

func (tr Track) video() bool {
	return tr.FourCC == "avc1" || tr.FourCC == "hvc1" || tr.FourCC == "av01" || tr.FourCC == "vp09"
}

// offset is the composition time of a frame, for the codecs that have one.
func (tr Track) offset(s Sample) []byte {
	if tr.FourCC != "avc1" && tr.FourCC != "hvc1" {
		return nil
	}
	return uint24(uint32((s.PTS-s.DTS).Round(time.Millisecond)/time.Millisecond) & 0xffffff)
}

func frameType(key bool) byte {
	if key {
		return 1 << 4
	}
	return 2 << 4
}

// tag is a tag for the time of s.
func (tr Track) tag(s Sample, body ...[]byte) flv.Tag {
	kind := byte(flv.KindAudio)
	if tr.video() {
		kind = flv.KindVideo
	}
	return flv.Tag{Kind: kind, Time: uint32(s.DTS.Round(time.Millisecond) / time.Millisecond), Body: Join(body...)}
}

// Enhanced is the track in the enhanced form: its configuration and its frames.
func (tr Track) Enhanced() []flv.Tag {
	format := byte(9 << 4)
	var tags []flv.Tag
	if len(tr.Record) > 0 {
		head := format | packetConfig
		if tr.video() {
			head = 0x80 | frameType(true) | packetConfig
		}
		tags = append(tags, tr.tag(Sample{}, []byte{head}, []byte(tr.FourCC), tr.Record))
	}
	for _, s := range tr.Samples {
		head := format | packetFrame
		if tr.video() {
			head = 0x80 | frameType(s.Key) | packetFrame
		}
		tags = append(tags, tr.tag(s, []byte{head}, []byte(tr.FourCC), tr.offset(s), s.Data))
	}
	return tags
}

// Legacy is the track in the form of the first specification, id being its
// codec id or, for audio, its first byte.
func (tr Track) Legacy(id byte) []flv.Tag {
	var tags []flv.Tag
	if tr.video() {
		tags = append(tags, tr.tag(Sample{}, []byte{frameType(true) | id, 0, 0, 0, 0}, tr.Record))
	} else if len(tr.Record) > 0 {
		tags = append(tags, tr.tag(Sample{}, []byte{id, 0}, tr.Record))
	}
	for _, s := range tr.Samples {
		switch {
		case tr.video():
			tags = append(tags, tr.tag(s, []byte{frameType(s.Key) | id, 1}, tr.offset(s), s.Data))
		case len(tr.Record) > 0:
			tags = append(tags, tr.tag(s, []byte{id, 1}, s.Data))
		default:
			tags = append(tags, tr.tag(s, []byte{id}, s.Data))
		}
	}
	return tags
}

// Rendition is the track as number id of several, each of its frames in a
// message of its own. The frames are not flagged as key frames, as some
// encoders do.
func (tr Track) Rendition(id byte) []flv.Tag {
	head := func(kind byte) []byte {
		return append([]byte{0x80 | packetMultitrack, OneTrack<<4 | kind}, append([]byte(tr.FourCC), id)...)
	}
	tags := []flv.Tag{tr.tag(Sample{}, head(packetConfig), tr.Record)}
	for _, s := range tr.Samples {
		tags = append(tags, tr.tag(s, head(packetFrame), tr.offset(s), s.Data))
	}
	return tags
}

// Bundled is video tracks with the same frame times in one message for each
// time, in the form of ManyTracks or ManyTracksCodec.
func Bundled(form byte, tracks ...Track) []flv.Tag {
	bundle := func(kind byte, n int) flv.Tag {
		var s Sample
		if n >= 0 {
			s = tracks[0].Samples[n]
		}
		body := []byte{0x80 | frameType(n < 0 || s.Key) | packetMultitrack, form<<4 | kind}
		if form == ManyTracks {
			body = append(body, tracks[0].FourCC...)
		}
		for id, tr := range tracks {
			content := tr.Record
			if n >= 0 {
				content = Join(tr.offset(tr.Samples[n]), tr.Samples[n].Data)
			}
			if form == ManyTracksCodec {
				body = append(body, tr.FourCC...)
			}
			body = append(append(body, byte(id)), uint24(uint32(len(content)))...)
			body = append(body, content...)
		}
		return tracks[0].tag(s, body)
	}
	tags := []flv.Tag{bundle(packetConfig, -1)}
	for n := range tracks[0].Samples {
		tags = append(tags, bundle(packetFrame, n))
	}
	return tags
}

// Interleave puts the tags of several tracks in the order of their times.
func Interleave(tracks ...[]flv.Tag) []flv.Tag {
	all := slices.Concat(tracks...)
	slices.SortStableFunc(all, func(a, b flv.Tag) int { return cmp.Compare(a.Time, b.Time) })
	return all
}

// File is an FLV file of the tags.
func File(tags []flv.Tag) []byte {
	b := []byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00")
	for _, tag := range tags {
		b = append(b, tag.Kind)
		b = append(b, uint24(uint32(len(tag.Body)))...)
		b = append(b, uint24(tag.Time&0xffffff)...)
		b = append(b, byte(tag.Time>>24), 0, 0, 0)
		b = append(b, tag.Body...)
		b = binary.BigEndian.AppendUint32(b, uint32(11+len(tag.Body)))
	}
	return b
}
