//go:build linux

package main

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are at most 3 % wide.
type histogram struct {
	buckets [64 * perPower]int64
	n       int64
	worst   int64
}

const perPower = 32

func (h *histogram) add(d int64) {
	d = max(d, 1)
	h.n++
	h.worst = max(h.worst, d)
	h.buckets[bucket(d)]++
}

func bucket(d int64) int {
	p := bits.Len64(uint64(d)) - 1
	if p < 5 {
		return int(d)
	}
	return p*perPower + int(d>>(p-5))&(perPower-1)
}

// floor is the smallest duration of a bucket.
func floor(i int) int64 {
	if i < perPower {
		return int64(i)
	}
	p := i / perPower
	return (int64(perPower) + int64(i%perPower)) << (p - 5)
}

// at returns the duration below which a share q lies, in milliseconds.
func (h *histogram) at(q float64) float64 {
	left := int64(q * float64(h.n))
	for i, n := range h.buckets {
		if left -= n; left < 0 {
			return ms(time.Duration(floor(i)))
		}
	}
	return ms(time.Duration(h.worst))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
