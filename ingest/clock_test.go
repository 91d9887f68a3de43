package ingest

import (
	"math"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	const ms = time.Millisecond
	for what, tc := range map[string]struct {
		in   []uint32
		want []time.Duration
	}{
		"from 0":            {[]uint32{0, 33, 67}, []time.Duration{0, 33 * ms, 67 * ms}},
		"from anywhere":     {[]uint32{20_000_000, 20_000_033}, []time.Duration{20_000_000 * ms, 20_000_033 * ms}},
		"interleaved":       {[]uint32{40, 23, 80, 46}, []time.Duration{40 * ms, 23 * ms, 80 * ms, 46 * ms}},
		"back to 0":         {[]uint32{10_000, 0}, []time.Duration{10_000 * ms, 0}},
		"31 bits":           {[]uint32{math.MaxInt32, 9}, []time.Duration{math.MaxInt32 * ms, (math.MaxInt32 + 10) * ms}},
		"31 bits, and back": {[]uint32{math.MaxInt32, 9, math.MaxInt32}, []time.Duration{math.MaxInt32 * ms, (math.MaxInt32 + 10) * ms, math.MaxInt32 * ms}},
		"into bit 32":       {[]uint32{math.MaxInt32, 1 << 31}, []time.Duration{math.MaxInt32 * ms, (1 << 31) * ms}},
		"32 bits":           {[]uint32{math.MaxUint32, 9}, []time.Duration{math.MaxUint32 * ms, (math.MaxUint32 + 10) * ms}},
		"32 bits, and back": {[]uint32{math.MaxUint32, 9, math.MaxUint32}, []time.Duration{math.MaxUint32 * ms, (math.MaxUint32 + 10) * ms, math.MaxUint32 * ms}},
	} {
		var c clock
		for i, ts := range tc.in {
			if got := c.at(ts); got != tc.want[i] {
				t.Errorf("%s: %d is %v, want %v", what, ts, got, tc.want[i])
			}
		}
	}
}

// Half a year of a stream, in both habits of wrapping around.
func TestClockOverHalfAYear(t *testing.T) {
	const step, span = 7 * time.Minute, 180 * 24 * time.Hour
	for _, mask := range []uint32{math.MaxInt32, math.MaxUint32} {
		var c clock
		for at := time.Duration(0); at < span; at += step {
			if got := c.at(uint32(at/time.Millisecond) & mask); got != at {
				t.Fatalf("mask %x: %v, want %v", mask, got, at)
			}
		}
	}
}
