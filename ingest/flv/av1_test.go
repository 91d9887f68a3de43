package flv

import (
	"bytes"
	"errors"
	"testing"
)

func TestOBUs(t *testing.T) {
	const (
		delimiter = "\x12\x00"
		sequence  = "\x0a\x03seq"
		padding   = "\x7a\x01p"
		frame     = "\x32\x05frame"
		extended  = "\x36\x40\x02xx"
		unsized   = "\x30rest of it"
	)
	for what, tc := range map[string]struct {
		in   string
		want []string
	}{
		"a key frame":        {delimiter + sequence + frame, []string{sequence, frame}},
		"padding":            {frame + padding + frame, []string{frame, frame}},
		"extension":          {extended + frame, []string{extended, frame}},
		"the last unsized":   {sequence + unsized, []string{sequence, unsized}},
		"a long size":        {"\x32\x81\x80\x00x" + frame, []string{"\x32\x81\x80\x00x", frame}},
		"nothing":            {"", nil},
		"only a delimiter":   {delimiter, nil},
		"unsized, no length": {"\x30", []string{"\x30"}},
	} {
		got, err := OBUs([]byte(tc.in))
		if err != nil || len(got) != len(tc.want) {
			t.Errorf("%s: %q, %v", what, got, err)
			continue
		}
		for i, u := range got {
			if string(u) != tc.want[i] || cap(u) != len(u) {
				t.Errorf("%s: %q, want %q", what, u, tc.want[i])
			}
		}
	}
	for what, in := range map[string]string{
		"longer than it is": "\x32\x06frame",
		"no size":           "\x32",
		"endless size":      "\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"huge size":         "\x32\xff\xff\xff\xff\xff\x7f",
		"forbidden bit":     "\xb2\x00",
		"no extension":      "\x36",
		"far too many":      string(bytes.Repeat([]byte("\x32\x00"), maxUnits+1)),
	} {
		if got, err := OBUs([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	if got := OBUPayload([]byte(extended)); string(got) != "xx" {
		t.Errorf("payload %q", got)
	}
}

func TestParseAV1(t *testing.T) {
	header, err := ParseAV1([]byte("\x81\x08\x0c\x00\x0a\x03seq"))
	if err != nil || string(header) != "\x0a\x03seq" {
		t.Errorf("%q, %v", header, err)
	}
	if header, err := ParseAV1([]byte("\x81\x08\x0c\x00")); err != nil || header != nil {
		t.Errorf("without: %q, %v", header, err)
	}
	for _, in := range []string{"", "\x81\x08\x0c", "\x01\x08\x0c\x00", "\x81\x08\x0c\x00\x0a\x09seq"} {
		if _, err := ParseAV1([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestParseOpus(t *testing.T) {
	for in, want := range map[string][2]int{
		"": {2, 48000},
		"OpusHead\x01\x01\x38\x01\x44\xac\x00\x00\x00\x00\x00":             {1, 44100},
		"OpusHead\x01\x06\x38\x01\x00\x00\x00\x00\x00\x00\x01\x04\x02more": {6, 48000},
	} {
		if channels, rate, err := ParseOpus([]byte(in)); channels != want[0] || rate != want[1] || err != nil {
			t.Errorf("%q: %d channels, %d Hz, %v", in, channels, rate, err)
		}
	}
	for _, in := range []string{"OpusHead", "OpusTags\x01\x01\x38\x01\x44\xac\x00\x00\x00\x00\x00",
		"OpusHead\x11\x01\x38\x01\x44\xac\x00\x00\x00\x00\x00", "OpusHead\x01\x00\x38\x01\x44\xac\x00\x00\x00\x00\x00"} {
		if _, _, err := ParseOpus([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
