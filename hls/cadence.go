package hls

import "time"

const (
	gridTolerance = 2 * time.Millisecond // RTMP rounds to milliseconds, encoders add a little
	gridStrikes   = 3                    // frames off the grid, then the encoder has no constant rate
	gridForgive   = 30                   // frames on the grid that take the strikes back: clocks drift a little
	audioResync   = 2                    // access units of drift that counting bears
)

const videoRate = 90000 // ticks a second of the video track

// ticks converts a duration to units of 1/rate seconds without overflow, rounded to the nearest.
func ticks(d time.Duration, rate int64) int64 {
	secs, rest := int64(d/time.Second), int64(d%time.Second)
	half := int64(time.Second / 2)
	if rest < 0 {
		half = -half
	}
	return secs*rate + (rest*rate+half)/int64(time.Second)
}

// span is the inverse of ticks.
func span(t, rate int64) time.Duration {
	return time.Duration(t/rate)*time.Second + time.Duration(t%rate)*time.Second/time.Duration(rate)
}

// grid snaps video times that were rounded to milliseconds back to the encoder's constant frame rate, so that parts
// come out equal. Times that do not fit the rate pass unchanged.
type grid struct {
	num, den int64 // frames per second as a fraction; num 0: rate unknown
	base     time.Duration
	set      bool
	strikes  int
	good     int
}

// snap returns the time in ticks of the video track.
func (g *grid) snap(ts time.Duration) int64 {
	if g.num == 0 || g.strikes >= gridStrikes {
		return ticks(ts, videoRate)
	}
	if !g.set {
		g.set, g.base = true, ts
	}
	frame := time.Duration(int64(time.Second) * g.den / g.num)
	n := int64((ts - g.base + frame/2) / frame)
	if ts < g.base-frame/2 {
		n = -int64((g.base - ts + frame/2) / frame)
	}
	snapped := ticks(g.base, videoRate) + n*videoRate*g.den/g.num
	if off := span(snapped, videoRate) - ts; off > gridTolerance || off < -gridTolerance {
		g.strikes++
		g.good, g.base = 0, ts
		return ticks(ts, videoRate)
	}
	if g.good++; g.good >= gridForgive {
		g.strikes = 0
	}
	return snapped
}

// frame is the length of a frame in ticks, 0 when no rate is known.
func (g *grid) frame() int64 {
	if g.num == 0 {
		return 0
	}
	return videoRate * g.den / g.num
}

// whole returns a composition offset in ticks, which is a number of frames while times are on the grid.
func (g *grid) whole(offset time.Duration) int64 {
	exact := ticks(offset, videoRate)
	if g.num == 0 || g.strikes >= gridStrikes || offset == 0 {
		return exact
	}
	frame := g.frame()
	snapped := (2*exact + frame) / (2 * frame) * frame
	if exact < 0 {
		snapped = (2*exact - frame) / (2 * frame) * frame
	}
	if off := span(snapped-exact, videoRate); off > gridTolerance || off < -gridTolerance {
		return exact
	}
	return snapped
}

// counter gives audio the times of its sample count: a decoder plays samples, not timestamps.
type counter struct {
	rate int64
	next int64
	set  bool
}

// take returns the time of one access unit that lasts n samples, in samples.
func (c *counter) take(ts time.Duration, n int64) int64 {
	at := ticks(ts, c.rate)
	if off := at - c.next; !c.set || off > audioResync*n || off < -audioResync*n {
		c.set, c.next = true, at
	}
	at = c.next
	c.next += n
	return at
}
