package bpm

import (
	"encoding/binary"
	"testing"
	"time"

	"souk/ingest/flv"
)

// The user data as OBS writes it.
var (
	taken    = time.Date(2026, 11, 20, 19, 0, 0, 123e6, time.UTC)
	encoded  = taken.Add(30 * time.Millisecond)
	allTimes = string(idTimes) + "\x03" + at(1, taken) + at(2, taken) + at(3, encoded) + at(4, encoded)
	session  = string(idSession) + "\x00" + at(4, encoded) + "\x03" + count(1, 60) + count(2, 3) + count(3, 2) + count(4, 120)
	encoder  = string(idRendition) + "\x00" + at(4, encoded) + "\x02" + count(1, 60) + count(2, 0) + count(3, 0x010000)
)

func at(event byte, t time.Time) string {
	return string([]byte{1, event}) + t.Format("2006-01-02T15:04:05.000Z") + "\x00"
}

func count(tag byte, n uint32) string {
	return string(binary.BigEndian.AppendUint32([]byte{tag}, n))
}

// sei is a NAL unit of one message for each user data.
func sei(header string, data ...string) []byte {
	b := []byte{}
	for _, d := range data {
		b = append(b, 5)
		for n := len(d); ; n -= 255 {
			if n < 255 {
				b = append(b, byte(n))
				break
			}
			b = append(b, 255)
		}
		b = append(b, d...)
	}
	out, zeros := []byte(header), 0
	for _, v := range append(b, 0x80) {
		if zeros == 2 && v <= 3 {
			out, zeros = append(out, 3), 0
		}
		if out = append(out, v); v == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

func obu(data string) []byte {
	payload := "\x06" + data
	return append([]byte{0x2a, byte(len(payload)) | 0x80, byte(len(payload) >> 7)}, payload...)
}

func TestRead(t *testing.T) {
	other := string(make([]byte, 300))
	want := Report{taken, encoded, Session{60, 3, 2, 120}, Rendition{60, 0, 0x010000}}
	for what, tc := range map[string]struct {
		codec flv.Codec
		units [][]byte
	}{
		"H.264, together": {flv.H264, [][]byte{{0x67, 1}, sei("\x06", other, allTimes, session, encoder), {0x65, 1}}},
		"H.264, apart":    {flv.H264, [][]byte{sei("\x06", allTimes), sei("\x06", session), sei("\x06", encoder), {0x65, 1}}},
		"HEVC":            {flv.H265, [][]byte{sei("\x4e\x01", allTimes, session, encoder), {0x26, 1}}},
		"AV1":             {flv.AV1, [][]byte{{0x0a, 0}, obu(allTimes), obu(session), obu(encoder), {0x32, 0}}},
	} {
		if got, ok := Read(tc.codec, tc.units); !ok || got != want {
			t.Errorf("%s: %+v, %v", what, got, ok)
		}
	}
}

func TestReadWithoutMetrics(t *testing.T) {
	for what, units := range map[string][][]byte{
		"nothing":         nil,
		"a picture":       {{0x65, 1, 2, 3}},
		"another SEI":     {sei("\x06", string(make([]byte, 20)))},
		"empty SEI":       {{0x06}},
		"cut size":        {{0x06, 5, 255}},
		"size too large":  {{0x06, 5, 200, 1, 2}},
		"no times":        {sei("\x06", string(idTimes))},
		"cut time":        {sei("\x06", string(idTimes)+"\x00\x01\x012026")},
		"unknown form":    {sei("\x06", string(idTimes)+"\x00\x09\x01")},
		"missing a count": {sei("\x06", session[:len(session)-1])},
		"no count":        {sei("\x06", string(idSession)+"\x00"+at(4, encoded))},
	} {
		if got, ok := Read(flv.H264, units); ok {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// A time that is a number, and one that is no time.
func TestReadOtherTimes(t *testing.T) {
	in := string(idTimes) + "\x02" + "\x02\x02" + string(make([]byte, 8)) + "\x01\x01yesterday\x00" + at(3, encoded)
	got, ok := Read(flv.H264, [][]byte{sei("\x06", in)})
	if !ok || !got.Composed.IsZero() || !got.Encoded.Equal(encoded) {
		t.Errorf("%+v, %v", got, ok)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(byte(flv.H264), sei("\x06", allTimes, session, encoder))
	f.Add(byte(flv.H265), sei("\x4e\x01", session))
	f.Add(byte(flv.AV1), obu(encoder))
	f.Fuzz(func(t *testing.T, codec byte, unit []byte) {
		if len(unit) == 0 {
			return
		}
		r, ok := Read(flv.Codec(codec%3)+flv.H264, [][]byte{unit})
		if !ok && !r.Encoded.IsZero() && len(unit) < 16 {
			t.Errorf("%+v out of %x", r, unit)
		}
	})
}
