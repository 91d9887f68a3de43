package ingest

import (
	"context"
	"math"
)

// Policy is what a channel's encoder should send, at most.
type Policy struct {
	MaxHeight  int // pixels of the shorter side, which for upright video is the width
	MaxBitrate int // of all video together, bits per second
	Renditions int // of the picture, counting the largest; up to 6
}

// DefaultPolicy is that of channels without one.
var DefaultPolicy = Policy{MaxHeight: 1080, MaxBitrate: 8_000_000, Renditions: 3}

// policy is the channel's, with what it leaves out filled in.
func (s *Server) policy(ctx context.Context, channel string) Policy {
	if s.Policy == nil {
		return DefaultPolicy
	}
	ctx, cancel := context.WithTimeout(ctx, keyTimeout)
	defer cancel()
	return s.Policy(ctx, channel).filled()
}

func (p Policy) filled() Policy {
	if p.MaxHeight <= 0 {
		p.MaxHeight = DefaultPolicy.MaxHeight
	}
	if p.MaxBitrate <= 0 {
		p.MaxBitrate = DefaultPolicy.MaxBitrate
	}
	if p.Renditions <= 0 {
		p.Renditions = DefaultPolicy.Renditions
	}
	p.Renditions = min(p.Renditions, maxTracks)
	return p
}

// canvas is the picture an encoder starts from.
type canvas struct {
	width, height int
	fps           float64
}

// rung is one rendition of a ladder.
type rung struct {
	width, height int
	kbps          int
}

// What a ladder is made of.
const (
	goodKbps  = 2500 // for goodArea at 30 frames a second
	goodArea  = 1280 * 720
	poorShare = 0.6 // of the good rate: with less, another rung is better left out
	minKbps   = 150
	stepKbps  = 50 // rates are multiples of it
)

// rungHeights are what is offered below the picture itself, by the shorter
// side.
var rungHeights = []int{1080, 720, 480, 360, 240, 160}

// ladder lays out at most n renditions of a picture under the policy and a sum
// of bit rates, the largest first. Each is clearly smaller than the one before
// it. When the sum does not suffice for decent pictures, small ones go first as
// long as two are left, then the large one gets smaller.
func (p Policy) ladder(c canvas, n, kbps int) []rung {
	short := min(c.width, c.height)
	n = max(1, min(n, p.Renditions))
	kbps = min(kbps, p.MaxBitrate/1000)
	sides := []int{min(short, p.MaxHeight)}
	for _, side := range rungHeights {
		if side*4 <= sides[len(sides)-1]*3 {
			sides = append(sides, side)
		}
	}
	for {
		rungs := make([]rung, 0, n)
		good := 0
		for _, side := range sides[:min(n, len(sides))] {
			r := c.scaled(side, short)
			good += r.kbps
			rungs = append(rungs, r)
		}
		share := min(1, float64(kbps)/float64(good))
		switch {
		case share < poorShare && len(rungs) > 2:
			n = len(rungs) - 1
			continue
		case share < poorShare && len(sides) > 2:
			sides = sides[1:]
			continue
		}
		for i := range rungs {
			rate := int(float64(rungs[i].kbps)*share) / stepKbps * stepKbps
			rungs[i].kbps = max(rate, minKbps)
		}
		return rungs
	}
}

// scaled is the canvas with its shorter side brought from short to side, and
// the bit rate at which that looks good. Encoders want even numbers.
func (c canvas) scaled(side, short int) rung {
	scale := float64(side) / float64(short)
	even := func(n int) int { return int(math.Round(float64(n)*scale/2)) * 2 }
	r := rung{width: even(c.width), height: even(c.height)}
	area := float64(r.width*r.height) / goodArea
	r.kbps = int(goodKbps * math.Pow(area, 0.75) * math.Pow(max(c.fps, 1)/30, 0.6))
	return r
}
