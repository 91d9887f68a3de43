package hls

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
)

// Size and rate as the encoders write them, odd sizes and fractional rates included: parameter sets code whole blocks
// and crop them.
func TestDescribe(t *testing.T) {
	for _, tt := range []struct {
		codec         Codec
		width, height int
		rate          string
		num, den      int64
	}{
		{H264, 320, 180, "30", 30, 1},
		{H264, 426, 240, "30000/1001", 30000, 1001},
		{H264, 322, 182, "60", 60, 1},
		{H265, 320, 180, "25", 25, 1},
		{H265, 426, 238, "30000/1001", 30000, 1001},
		{AV1, 320, 180, "30", 0, 0},
		{AV1, 426, 238, "60", 0, 0},
	} {
		t.Run(fmt.Sprintf("%v %dx%d at %s", tt.codec, tt.width, tt.height, tt.rate), func(t *testing.T) {
			c := makeMP4(t, fmt.Sprintf("-f lavfi -i testsrc2=size=%dx%d:rate=%s -t 0.3 -pix_fmt yuv420p -threads 1 %s",
				tt.width, tt.height, tt.rate, encoders[tt.codec]))
			p, err := c.tracks[0].parse()
			if err != nil {
				t.Fatal(err)
			}
			if p.width != tt.width || p.height != tt.height {
				t.Errorf("%dx%d", p.width, p.height)
			}
			if p.num*tt.den != tt.num*p.den || (p.num == 0) != (tt.num == 0) {
				t.Errorf("%d/%d frames a second", p.num, p.den)
			}
		})
	}
}

func TestRateIsBelieved(t *testing.T) {
	for _, tt := range []struct {
		num, den int64
		want     bool
	}{
		{30, 1, true}, {30000, 1001, true}, {240, 1, true}, {1, 1, true},
		{0, 1, false}, {1, 0, false}, {241, 1, false}, {1, 2, false}, {90000, 1, false}, {30, -1, false},
	} {
		var p videoParams
		if p.setRate(tt.num, tt.den); (p.num > 0) != tt.want {
			t.Errorf("%d/%d frames a second: believed %v", tt.num, tt.den, p.num > 0)
		}
	}
}

// An AV1 encoder that does tell its rate.
func TestDescribeAV1Rate(t *testing.T) {
	c := coded(t, AV1, AAC).tracks[0]
	var plain av1.SequenceHeader
	if err := plain.Unmarshal(c.Header); err != nil || plain.TimingInfo != nil {
		t.Fatalf("the encoder tells its rate by itself now: %v", err)
	}
	// After profile (3), still_picture and reduced_still_picture_header comes timing_info_present_flag, here set, with
	// num_units_in_display_tick 1, time_scale 30, equal_picture_interval, num_ticks_per_picture_minus_1 0 as uvlc, and
	// no decoder model.
	timed := bitString(c.Header[1:2])[:5] + "1" + fmt.Sprintf("%032b%032b", 1, 30) + "1" + "1" + "0" + bitString(c.Header[1:])[6:]
	p, err := VideoConfig{Codec: AV1, Header: append(c.Header[:1:1], fromBits(timed)...)}.parse()
	if err != nil {
		t.Fatal(err)
	}
	if p.num != 30 || p.den != 1 || p.width != 320 {
		t.Errorf("%d/%d frames a second, %d wide", p.num, p.den, p.width)
	}
}

func bitString(b []byte) (s string) {
	for _, v := range b {
		s += fmt.Sprintf("%08b", v)
	}
	return s
}

func fromBits(s string) (b []byte) {
	for ; len(s)%8 != 0; s += "0" {
	}
	for ; s != ""; s = s[8:] {
		var v byte
		fmt.Sscanf(s[:8], "%b", &v)
		b = append(b, v)
	}
	return b
}

// Parts are of whole frames, and within what is announced, at every rate that encoders use.
func TestWholeFrames(t *testing.T) {
	for _, fps := range []int{15, 20, 24, 25, 30, 48, 50, 60, 90, 120, 144, 240} {
		frame := time.Second / time.Duration(fps)
		min := wholeFrames(frame)
		n := (min + frame - 1) / frame // frames that a part needs to last as long
		if part := n * frame; part > partTarget || part < partTarget*85/100 {
			t.Errorf("at %d frames a second parts last %v", fps, part)
		}
	}
	for _, odd := range []time.Duration{0, -1, time.Second} {
		if got := wholeFrames(odd); got != partMin {
			t.Errorf("frames of %v: %v", odd, got)
		}
	}
}

// A reserved chroma format must not reach the table that it would index out of.
func TestDescribeReservedChroma(t *testing.T) {
	c := coded(t, H265, Opus).tracks[0]
	refused := 0
	for i := range c.SPS {
		for bit := range 8 {
			broken := c
			broken.SPS = append([]byte(nil), c.SPS...)
			broken.SPS[i] ^= 1 << bit
			if _, err := broken.parse(); err != nil {
				refused++
				if !errors.Is(err, ErrBadVideo) {
					t.Errorf("bit %d of byte %d: %v", bit, i, err)
				}
			}
		}
	}
	if refused == 0 {
		t.Error("every broken SPS was taken")
	}
}
