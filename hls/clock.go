package hls

import "time"

const (
	clockBuckets = 10                     // of one second each: what the estimate looks back on
	clockSlew    = time.Millisecond       // per second of media, once something was published
	clockGap     = 500 * time.Millisecond // media time that one frame may account for when slewing
)

// clock maps a publisher's media time to the server's wall clock, for PROGRAM-DATE-TIME.
//
// A frame's arrival is its media time plus a delay that is never negative, so the smallest difference of the last
// seconds is the best guess of the offset between the clocks: a burst after a stalled network does not move it. Until
// something was published the guess is taken as it is; after that it is only approached, slowly, so that dates stay in
// step with durations.
type clock struct {
	offset  int64 // nanoseconds from media time to Unix time, as published
	known   bool
	fixed   bool
	newest  time.Duration // highest media time seen
	buckets [clockBuckets]struct {
		second int64
		least  int64
	}
}

// see takes a frame's media time and arrival.
func (c *clock) see(ts time.Duration, arrived time.Time) {
	delta := arrived.UnixNano() - int64(ts)
	second := arrived.Unix()
	b := &c.buckets[uint64(second)%clockBuckets]
	if b.second != second || !c.known {
		b.second, b.least = second, delta
	}
	b.least = min(b.least, delta)

	best := delta
	for _, b := range c.buckets {
		if age := second - b.second; age >= 0 && age < clockBuckets {
			best = min(best, b.least)
		}
	}
	step := min(max(ts-c.newest, 0), clockGap)
	switch {
	case !c.known:
		c.known, c.offset, c.newest = true, best, ts
	case !c.fixed:
		c.offset = best
	default:
		limit := int64(step) * int64(clockSlew) / int64(time.Second)
		c.offset += min(max(best-c.offset, -limit), limit)
	}
	c.newest = max(c.newest, ts)
}

// at returns the date of a media time.
func (c *clock) at(ts time.Duration) time.Time {
	return time.Unix(0, c.offset+int64(ts)).UTC()
}

// fix ends the free search, and moves the clock forward if it would date ts before floor.
func (c *clock) fix(ts time.Duration, floor time.Time) {
	c.fixed = true
	if at := c.at(ts); at.Before(floor) {
		c.offset += int64(floor.Sub(at))
	}
}
