package flv

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestParseVideo(t *testing.T) {
	const ms = time.Millisecond
	frame := func(key bool, offset time.Duration, data string) Packet {
		return Packet{Frame, key, offset, []byte(data)}
	}
	for what, tc := range map[string]struct {
		in   string
		want Packet
	}{
		"legacy config":             {"\x17\x00\x00\x00\x00avcC", Packet{Type: Config, Key: true, Data: []byte("avcC")}},
		"legacy key frame":          {"\x17\x01\x00\x00\x2ansal", frame(true, 42*ms, "nsal")},
		"legacy frame":              {"\x27\x01\x00\x00\x00x", frame(false, 0, "x")},
		"negative offset":           {"\x27\x01\xff\xff\xffx", frame(false, -ms, "x")},
		"legacy end":                {"\x17\x02\x00\x00\x00", Packet{Type: End}},
		"legacy without data":       {"\x17\x01\x00\x00\x00", Packet{}},
		"legacy config, empty":      {"\x17\x00\x00\x00\x00", Packet{}},
		"legacy seek command":       {"\x57\x00", Packet{}},
		"enhanced config":           {"\x90avc1avcC", Packet{Type: Config, Key: true, Data: []byte("avcC")}},
		"enhanced frame":            {"\xa1avc1\xff\xff\xfex", frame(false, -2*ms, "x")},
		"enhanced frame, no offset": {"\x93avc1x", frame(true, 0, "x")},
		"enhanced end":              {"\x92avc1", Packet{Type: End}},
		"enhanced metadata":         {"\x94hvc1\x02\x00\x09colorInfo", Packet{}},
		"enhanced command":          {"\xd0\x01", Packet{}},
		"nanosecond modifier":       {"\x97\x02\x00\x01\x00\x01avc1\x00\x00\x01x", frame(true, ms+256, "x")},
		"unknown modifier":          {"\xa7\x00\x00\x11avc1\x00\x00\x00x", frame(false, 0, "x")},
		"long modifier":             {"\xa7\xff\x00\xff" + string(make([]byte, 256)) + "\x11avc1\x00\x00\x00x", frame(false, 0, "x")},
		"two modifiers":             {"\xa7\x00\x00\x17\x00\x00\x11avc1\x00\x00\x00x", frame(false, 0, "x")},
		"one track, the first":      {"\x96\x01avc1\x00\x00\x00\x07x", frame(true, 7*ms, "x")},
		"one track, another":        {"\x96\x01av01\x01\x00\x00\x07x", Packet{}},
		"track 255":                 {"\x96\x01avc1\xffx", Packet{}},
		"many tracks":               {"\xa6\x11avc1\x01\x00\x00\x01a\x00\x00\x00\x04\x00\x00\x07x", frame(false, 7*ms, "x")},
		"many codecs":               {"\xa6\x23av01\x01\x00\x00\x01aavc1\x00\x00\x00\x01x", frame(false, 0, "x")},
		"many tracks, not ours":     {"\xa6\x11avc1\x01\x00\x00\x01a\x02\x00\x00\x00", Packet{}},
	} {
		got, err := ParseVideo([]byte(tc.in))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, tc.want)
		}
	}
}

func TestParseAudio(t *testing.T) {
	for what, tc := range map[string]struct {
		in   string
		want Packet
	}{
		"legacy config":        {"\xaf\x00\x12\x10", Packet{Type: Config, Data: []byte("\x12\x10")}},
		"legacy frame":         {"\xaf\x01data", Packet{Type: Frame, Data: []byte("data")}},
		"legacy without data":  {"\xaf\x01", Packet{}},
		"enhanced config":      {"\x90mp4a\x12\x10", Packet{Type: Config, Data: []byte("\x12\x10")}},
		"enhanced frame":       {"\x91mp4adata", Packet{Type: Frame, Data: []byte("data")}},
		"enhanced end":         {"\x92mp4a", Packet{Type: End}},
		"channel layout":       {"\x94mp4a\x01\x02\x00\x00\x00\x03", Packet{}},
		"one track, the first": {"\x95\x01mp4a\x00data", Packet{Type: Frame, Data: []byte("data")}},
		"vod track":            {"\x95\x01mp4a\x01data", Packet{}},
		"modifier":             {"\x97\x02\x00\x00\x01\x01mp4adata", Packet{Type: Frame, Data: []byte("data")}},
	} {
		got, err := ParseAudio([]byte(tc.in))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, tc.want)
		}
	}
}

func TestOtherCodecsAreNamed(t *testing.T) {
	for in, want := range map[string]CodecError{
		"\x1c\x00\x00\x00\x00": {"video", "HEVC"},
		"\x12\x00":             {"video", "H.263"},
		"\x1f":                 {"video", "number 15"},
		"\x90hvc1":             {"video", "HEVC"},
		"\x90av01\x81":         {"video", "AV1"},
		"\x90\n\x00\xffx":      {"video", `"\n\x00\xffx"`},
		"\x96\x00vp09\x00\x81": {"video", "VP9"},
	} {
		_, err := ParseVideo([]byte(in))
		if codec := new(CodecError); !errors.As(err, &codec) || *codec != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
	for in, want := range map[string]CodecError{
		"\x2f":                          {"audio", "MP3"},
		"\x90OpusOpusHead":              {"audio", "Opus"},
		"\x95\x21Opus\x00\x00\x00\x01x": {"audio", "Opus"},
	} {
		_, err := ParseAudio([]byte(in))
		if codec := new(CodecError); !errors.As(err, &codec) || *codec != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, in := range []string{
		"", "\x17", "\x17\x01\x00\x00", // cut in the legacy header
		"\x90avc", "\x91avc1\x00\x00", // in the enhanced one
		"\x97", "\x97\x05\x00", "\x97\xff\x00", "\x97\x00\x00", // in a modifier
		"\x96", "\x96\x06avc1\x00x", // multitrack inside of multitrack
		"\xa6\x11avc1\x01\xff\xff\xffa", // a track longer than its message
		"\xa6\x23avc", "\xa6\x23avc1", "\xa6\x11avc1\x00\x00",
	} {
		if p, err := ParseVideo([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("video %q: %v, %v", in, p, err)
		}
	}
	for _, in := range []string{"", "\xaf", "\x91mp4", "\x95\x05mp4a\x00x", "\x97\x02"} {
		if p, err := ParseAudio([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("audio %q: %v, %v", in, p, err)
		}
	}
}

// avcC is a configuration record with one parameter set of each kind.
const avcC = "\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f\x01\x00\x03\x68\xeb\xe3"

func TestParseAVC(t *testing.T) {
	c, err := ParseAVC([]byte(avcC))
	if err != nil || c.LengthSize != 4 || string(c.SPS) != "\x67\x64\x00\x1f" || string(c.PPS) != "\x68\xeb\xe3" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ParseAVC([]byte("\x01\x64\x00\x1f\xfc\xe0\x00"))
	if err != nil || c.LengthSize != 1 || c.SPS != nil || c.PPS != nil {
		t.Errorf("without sets: %+v, %v", c, err)
	}
	for _, in := range []string{"", "\x00\x64\x00\x1f\xff\xe0\x00", "\x01\x64\x00\x1f\xfe\xe0\x00", avcC[:7], avcC[:len(avcC)-1], avcC[:12]} {
		if _, err := ParseAVC([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, tc := range []struct {
		size int
		in   string
		want []string
	}{
		{4, "\x00\x00\x00\x02ab\x00\x00\x00\x01c", []string{"ab", "c"}},
		{2, "\x00\x02ab\x00\x00\x00\x01c", []string{"ab", "c"}},
		{1, "\x02ab\x01c", []string{"ab", "c"}},
	} {
		units, err := AVC{LengthSize: tc.size}.Units([]byte(tc.in))
		if err != nil || len(units) != len(tc.want) {
			t.Errorf("%d: %q, %v", tc.size, units, err)
			continue
		}
		for i, u := range units {
			if string(u) != tc.want[i] || cap(u) != len(u) {
				t.Errorf("%d: %q, want %q", tc.size, u, tc.want[i])
			}
		}
	}
	for size, in := range map[int]string{
		4: "\xff\xff\xff\xffab",
		2: "\x00\x02ab\x00",
		1: string(bytes.Repeat([]byte("\x01a"), maxUnits+1)),
	} {
		if units, err := (AVC{LengthSize: size}).Units([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d: %d units, %v", size, len(units), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"\x17\x00\x00\x00\x00" + avcC, "\x27\x01\xff\xff\xff\x00\x00\x00\x01x", "\xaf\x00\x12\x10",
		"\x97\x02\x00\x01\x00\x01avc1\x00\x00\x01x", "\xa6\x23av01\x01\x00\x00\x01aavc1\x00\x00\x00\x01x",
		"\x95\x01mp4a\x00data", "\x97\xff\xff\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseVideo(b)
		if err != nil && !reflect.DeepEqual(v, Packet{}) {
			t.Errorf("%v with %v", v, err)
		}
		if offset := v.Offset; offset > 8389*time.Second || offset < -8389*time.Second {
			t.Errorf("offset %v", offset)
		}
		if a, err := ParseAudio(b); (a.Type == Frame || a.Type == Config) && (len(a.Data) == 0 || err != nil) {
			t.Errorf("%v with %v", a, err)
		}
		c, err := ParseAVC(v.Data)
		if err != nil {
			c = AVC{LengthSize: 4}
		}
		units, _ := c.Units(v.Data)
		total := 0
		for _, u := range units {
			total += len(u) + c.LengthSize
		}
		if total > len(v.Data) {
			t.Errorf("%d bytes of units in %d", total, len(v.Data))
		}
		Tags(b)
	})
}
