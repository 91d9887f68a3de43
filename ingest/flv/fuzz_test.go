package flv

import (
	"testing"
	"time"
)

// FuzzParse reads arbitrary tags as far down as the units of their frames.
// Nothing may be invented on the way: units never add up to more than the tag,
// and an error comes without packets.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"\x17\x00\x00\x00\x00" + avcC, "\x90hvc1" + hvcC, "\x1c\x00\x00\x00\x00" + hvcC,
		"\x27\x01\xff\xff\xff\x00\x00\x00\x01x", "\xaf\x00\x12\x10", "\x90av01\x81\x08\x0c\x00\x0a\x03seq",
		"\x91av01\x12\x00\x0a\x03seq\x32\x05frame", "\x90OpusOpusHead\x01\x01\x38\x01\x44\xac\x00\x00\x00\x00\x00",
		"\x97\x02\x00\x01\x00\x01avc1\x00\x00\x01x", "\xa6\x23av01\x01\x00\x00\x01aavc1\x00\x00\x00\x01x",
		"\xa6\x11hvc1\x01\x00\x00\x04\x00\x00\x00a\x00\x00\x00\x04\x00\x00\x07x",
		"\x95\x01mp4a\x00data", "\x97\xff\xff\xff", "\x2fdata",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		video, err := AppendVideo(nil, b)
		if err != nil && len(video) > 0 {
			t.Errorf("%v with %v", video, err)
		}
		audio, err := AppendAudio(nil, b)
		if err != nil && len(audio) > 0 {
			t.Errorf("%v with %v", audio, err)
		}
		total := 0
		for _, p := range append(video, audio...) {
			total += len(p.Data)
			if p.Type == 0 || p.Codec == 0 || p.Type == Frame && len(p.Data) == 0 || p.Track < 0 || p.Track > 255 {
				t.Errorf("packet %+v", p)
			}
			if p.Offset > 8389*time.Second || p.Offset < -8389*time.Second {
				t.Errorf("offset %v", p.Offset)
			}
			takeApart(t, p)
		}
		if total > 2*len(b) { // each of the two readings
			t.Errorf("%d bytes out of %d", total, len(b))
		}
	})
}

func takeApart(t *testing.T, p Packet) {
	var units [][]byte
	switch p.Codec {
	case AV1:
		ParseAV1(p.Data)
		units, _ = OBUs(p.Data)
		for _, u := range units {
			if payload := OBUPayload(u); len(payload) >= len(u) {
				t.Errorf("payload %x of %x", payload, u)
			}
		}
	case H264, H265:
		s, err := ParseAVC(p.Data)
		if p.Codec == H265 {
			s, err = ParseHEVC(p.Data)
		}
		if err != nil {
			s = Sets{LengthSize: 4}
		}
		units, _ = s.Units(p.Data)
		s.With(p.Codec, units)
	case Opus:
		ParseOpus(p.Data)
	}
	total := 0
	for _, u := range units {
		if total += len(u); len(u) == 0 {
			t.Error("an empty unit")
		}
	}
	if total > len(p.Data) {
		t.Errorf("%d bytes of units in %d", total, len(p.Data))
	}
	IsKey(p.Codec, units)
}
