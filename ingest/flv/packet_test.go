package flv

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestAppendVideo(t *testing.T) {
	const ms = time.Millisecond
	packets := func(p ...Packet) []Packet { return p }
	of := func(codec Codec, track int, key bool, offset time.Duration, data string) Packet {
		return Packet{Frame, codec, track, key, offset, []byte(data)}
	}
	frame := func(key bool, offset time.Duration, data string) []Packet {
		return packets(of(H264, 0, key, offset, data))
	}
	config := func(codec Codec, track int, data string) Packet {
		return Packet{Type: Config, Codec: codec, Track: track, Key: true, Data: []byte(data)}
	}
	for what, tc := range map[string]struct {
		in   string
		want []Packet
	}{
		"legacy config":             {"\x17\x00\x00\x00\x00avcC", packets(config(H264, 0, "avcC"))},
		"legacy key frame":          {"\x17\x01\x00\x00\x2ansal", frame(true, 42*ms, "nsal")},
		"legacy frame":              {"\x27\x01\x00\x00\x00x", frame(false, 0, "x")},
		"negative offset":           {"\x27\x01\xff\xff\xffx", frame(false, -ms, "x")},
		"legacy end":                {"\x17\x02\x00\x00\x00", packets(Packet{Type: End, Codec: H264})},
		"legacy without data":       {"\x17\x01\x00\x00\x00", nil},
		"legacy config, empty":      {"\x17\x00\x00\x00\x00", nil},
		"legacy seek command":       {"\x57\x00", nil},
		"legacy HEVC config":        {"\x1c\x00\x00\x00\x00hvcC", packets(config(H265, 0, "hvcC"))},
		"legacy HEVC":               {"\x2c\x01\x00\x00\x07x", packets(of(H265, 0, false, 7*ms, "x"))},
		"enhanced config":           {"\x90avc1avcC", packets(config(H264, 0, "avcC"))},
		"enhanced frame":            {"\xa1avc1\xff\xff\xfex", frame(false, -2*ms, "x")},
		"enhanced frame, no offset": {"\x93avc1x", frame(true, 0, "x")},
		"enhanced end":              {"\x92avc1", packets(Packet{Type: End, Codec: H264})},
		"enhanced metadata":         {"\x94hvc1\x02\x00\x09colorInfo", nil},
		"metadata without a type":   {"\x84hvc1\x02\x00\x09colorInfo", nil},
		"enhanced command":          {"\xd0\x01", nil},
		"HEVC config":               {"\x90hvc1hvcC", packets(config(H265, 0, "hvcC"))},
		"HEVC":                      {"\xa1hvc1\x00\x00\x21x", packets(of(H265, 0, false, 33*ms, "x"))},
		"HEVC, no offset":           {"\x93hvc1x", packets(of(H265, 0, true, 0, "x"))},
		"AV1 config":                {"\x90av01av1C", packets(config(AV1, 0, "av1C"))},
		"AV1 has no offset":         {"\x91av01obus", packets(of(AV1, 0, true, 0, "obus"))},
		"AV1 descriptor":            {"\x95av01obus", nil},
		"nanosecond modifier":       {"\x97\x02\x00\x01\x00\x01avc1\x00\x00\x01x", frame(true, ms+256, "x")},
		"unknown modifier":          {"\xa7\x00\x00\x11avc1\x00\x00\x00x", frame(false, 0, "x")},
		"long modifier":             {"\xa7\xff\x00\xff" + string(make([]byte, 256)) + "\x11avc1\x00\x00\x00x", frame(false, 0, "x")},
		"two modifiers":             {"\xa7\x00\x00\x17\x00\x00\x11avc1\x00\x00\x00x", frame(false, 0, "x")},
		"one track, the first":      {"\x96\x01avc1\x00\x00\x00\x07x", frame(true, 7*ms, "x")},
		"one track, another":        {"\x96\x01av01\x01x", packets(of(AV1, 1, true, 0, "x"))},
		"one track, modified":       {"\x97\x02\x00\x01\x00\x06\x01hvc1\x02\x00\x00\x01x", packets(of(H265, 2, true, ms+256, "x"))},
		"config of another":         {"\x86\x00avc1\x01avcC", packets(Packet{Type: Config, Codec: H264, Track: 1, Data: []byte("avcC")})},
		"end of another":            {"\x96\x02avc1\x03", packets(Packet{Type: End, Codec: H264, Track: 3})},
		"track 255":                 {"\x96\x03avc1\xffx", packets(of(H264, 255, true, 0, "x"))},
		"many tracks": {"\xa6\x11avc1\x01\x00\x00\x04\x00\x00\x00a\x00\x00\x00\x04\x00\x00\x07x",
			packets(of(H264, 1, false, 0, "a"), of(H264, 0, false, 7*ms, "x"))},
		"many codecs": {"\xa6\x23av01\x01\x00\x00\x01aavc1\x00\x00\x00\x01x",
			packets(of(AV1, 1, false, 0, "a"), of(H264, 0, false, 0, "x"))},
		"many tracks, empty ones": {"\xa6\x13avc1\x01\x00\x00\x01a\x02\x00\x00\x00", packets(of(H264, 1, false, 0, "a"))},
		"many codecs, an unknown": {"\xa6\x23vp09\x01\x00\x00\x01aavc1\x00\x00\x00\x01x", frame(false, 0, "x")},
		"many tracks, none":       {"\xa6\x11avc1", nil},
	} {
		before := []Packet{{Type: End}}
		got, err := AppendVideo(before, []byte(tc.in))
		if want := append(before[:1:1], tc.want...); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, want)
		}
	}
}

func TestAppendAudio(t *testing.T) {
	frame := func(codec Codec, data string) []Packet {
		return []Packet{{Type: Frame, Codec: codec, Data: []byte(data)}}
	}
	config := func(codec Codec, data string) []Packet {
		return []Packet{{Type: Config, Codec: codec, Data: []byte(data)}}
	}
	for what, tc := range map[string]struct {
		in   string
		want []Packet
	}{
		"legacy config":        {"\xaf\x00\x12\x10", config(AAC, "\x12\x10")},
		"legacy frame":         {"\xaf\x01data", frame(AAC, "data")},
		"legacy without data":  {"\xaf\x01", nil},
		"legacy MP3":           {"\x2fdata", frame(MP3, "data")},
		"legacy MP3 at 8 kHz":  {"\xe2data", frame(MP3, "data")},
		"legacy MP3, empty":    {"\x2f", nil},
		"enhanced config":      {"\x90mp4a\x12\x10", config(AAC, "\x12\x10")},
		"enhanced frame":       {"\x91mp4adata", frame(AAC, "data")},
		"enhanced end":         {"\x92mp4a", []Packet{{Type: End, Codec: AAC}}},
		"channel layout":       {"\x94mp4a\x01\x02\x00\x00\x00\x03", nil},
		"Opus config":          {"\x90OpusOpusHead", config(Opus, "OpusHead")},
		"Opus config, empty":   {"\x90Opus", config(Opus, "")},
		"Opus":                 {"\x91Opusdata", frame(Opus, "data")},
		"silence":              {"\x91Opus", nil},
		"MP3":                  {"\x91.mp3data", frame(MP3, "data")},
		"one track, the first": {"\x95\x01mp4a\x00data", frame(AAC, "data")},
		"VOD track":            {"\x95\x01mp4a\x01data", []Packet{{Type: Frame, Codec: AAC, Track: 1, Data: []byte("data")}}},
		"modifier":             {"\x97\x02\x00\x00\x00\x01mp4adata", frame(AAC, "data")},
	} {
		got, err := AppendAudio(nil, []byte(tc.in))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %v, %v, want %v", what, got, err, tc.want)
		}
	}
}

func TestOtherCodecsAreNamed(t *testing.T) {
	for in, want := range map[string]CodecError{
		"\x12\x00":             {"video", "H.263"},
		"\x1f":                 {"video", "number 15"},
		"\x90vvc1":             {"video", "VVC"},
		"\x90\n\x00\xffx":      {"video", `"\n\x00\xffx"`},
		"\x96\x00vp09\x00\x81": {"video", "VP9"},
		"\x90mp4ax":            {"video", "AAC"},
	} {
		_, err := AppendVideo(nil, []byte(in))
		if codec := new(CodecError); !errors.As(err, &codec) || *codec != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
	for in, want := range map[string]CodecError{
		"\xbf":                          {"audio", "Speex"},
		"\x90fLaCfLaC":                  {"audio", "FLAC"},
		"\x95\x21ac-3\x00\x00\x00\x01x": {"audio", "AC-3"},
		"\x90av01x":                     {"audio", "AV1"},
	} {
		_, err := AppendAudio(nil, []byte(in))
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
		if p, err := AppendVideo(nil, []byte(in)); !errors.Is(err, ErrMalformed) || len(p) > 0 {
			t.Errorf("video %q: %v, %v", in, p, err)
		}
	}
	for _, in := range []string{"", "\xaf", "\x91mp4", "\x95\x05mp4a\x00x", "\x97\x02"} {
		if p, err := AppendAudio(nil, []byte(in)); !errors.Is(err, ErrMalformed) || len(p) > 0 {
			t.Errorf("audio %q: %v, %v", in, p, err)
		}
	}
}
