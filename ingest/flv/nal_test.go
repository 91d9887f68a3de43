package flv

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// Configuration records with one parameter set of each kind.
const (
	avcC = "\x01\x64\x00\x1f\xff\xe1\x00\x04\x67\x64\x00\x1f\x01\x00\x03\x68\xeb\xe3"
	hvcC = "\x01\x01\x60\x00\x00\x00\x90\x00\x00\x00\x00\x00\x5d\xf0\x00\xfc\xfd\xf8\xf8\x00\x00\x0f\x03" +
		"\xa0\x00\x01\x00\x03\x40\x01v\xa1\x00\x01\x00\x03\x42\x01s\xa2\x00\x01\x00\x03\x44\x01p"
)

func TestParseAVC(t *testing.T) {
	c, err := ParseAVC([]byte(avcC))
	if err != nil || c.LengthSize != 4 || string(c.SPS) != "\x67\x64\x00\x1f" || string(c.PPS) != "\x68\xeb\xe3" || !c.Complete(H264) {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ParseAVC([]byte("\x01\x64\x00\x1f\xfc\xe0\x00"))
	if err != nil || c.LengthSize != 1 || c.SPS != nil || c.PPS != nil || c.Complete(H264) {
		t.Errorf("without sets: %+v, %v", c, err)
	}
	for _, in := range []string{"", "\x00\x64\x00\x1f\xff\xe0\x00", "\x01\x64\x00\x1f\xfe\xe0\x00", avcC[:7], avcC[:len(avcC)-1], avcC[:12]} {
		if _, err := ParseAVC([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestParseHEVC(t *testing.T) {
	s, err := ParseHEVC([]byte(hvcC))
	want := Sets{VPS: []byte("\x40\x01v"), SPS: []byte("\x42\x01s"), PPS: []byte("\x44\x01p"), LengthSize: 4}
	if err != nil || !reflect.DeepEqual(s, want) || !s.Complete(H265) {
		t.Errorf("%+v, %v", s, err)
	}
	none := hvcC[:22] + "\x00"
	if s, err := ParseHEVC([]byte(none)); err != nil || s.Complete(H265) || s.LengthSize != 4 {
		t.Errorf("without sets: %+v, %v", s, err)
	}
	for _, in := range []string{"", "\x02" + hvcC[1:], hvcC[:22], hvcC[:len(hvcC)-1], hvcC[:25], hvcC[:21] + "\x0e\x00"} {
		if _, err := ParseHEVC([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestSetsInTheStream(t *testing.T) {
	units := func(u ...string) (all [][]byte) {
		for _, s := range u {
			all = append(all, []byte(s))
		}
		return all
	}
	first := units("\x09\xf0", "\x67sps", "\x67other", "\x68pps", "\x65idr")
	s, changed := Sets{LengthSize: 2}.With(H264, first)
	if !changed || string(s.SPS) != "\x67sps" || string(s.PPS) != "\x68pps" || s.LengthSize != 2 || !s.Complete(H264) {
		t.Errorf("%+v, %v", s, changed)
	}
	first[1][1] = 'X' // what was found is a copy
	if string(s.SPS) != "\x67sps" {
		t.Error("it shares memory")
	}
	if _, changed := s.With(H264, units("\x67sps", "\x68pps", "\x65idr")); changed {
		t.Error("the same sets make a difference")
	}
	if again, changed := s.With(H264, units("\x68new", "\x65idr")); !changed || string(again.PPS) != "\x68new" || string(again.SPS) != "\x67sps" {
		t.Errorf("%+v, %v", again, changed)
	}
	h, changed := Sets{}.With(H265, units("\x40\x01v", "\x42\x01s", "\x44\x01p", "\x26\x01i"))
	if !changed || !h.Complete(H265) || h.Complete(H264) != true || string(h.VPS) != "\x40\x01v" {
		t.Errorf("%+v, %v", h, changed)
	}
}

func TestIsKey(t *testing.T) {
	for what, tc := range map[string]struct {
		codec Codec
		units [][]byte
		want  bool
	}{
		"IDR":            {H264, [][]byte{{6, 1}, {0x65, 1}}, true},
		"slice":          {H264, [][]byte{{6, 1}, {0x41, 1}}, false},
		"HEVC IDR":       {H265, [][]byte{{0x26, 1}}, true},
		"HEVC CRA":       {H265, [][]byte{{0x2a, 1}}, true},
		"HEVC slice":     {H265, [][]byte{{0x02, 1}}, false},
		"HEVC sets only": {H265, [][]byte{{0x40, 1}, {0x42, 1}}, false},
		"AV1 sequence":   {AV1, [][]byte{{0x0a, 0}, {0x32, 0}}, true},
		"AV1 frame":      {AV1, [][]byte{{0x32, 0}}, false},
		"nothing":        {H264, nil, false},
	} {
		if got := IsKey(tc.codec, tc.units); got != tc.want {
			t.Errorf("%s: %v", what, got)
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
		units, err := Sets{LengthSize: tc.size}.Units([]byte(tc.in))
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
		if units, err := (Sets{LengthSize: size}).Units([]byte(in)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d: %d units, %v", size, len(units), err)
		}
	}
}
