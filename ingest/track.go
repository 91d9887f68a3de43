package ingest

import (
	"math"
	"time"
)

const (
	// trackJump is a step of a publisher's clock that starts its measures anew.
	trackJump = 3 * time.Second
	// trackDrift is how much of its time a publisher's clock may be off before
	// its frames count as late.
	trackDrift = 1000
)

// track measures the frames of one medium. It is part of a health, the lock of
// which guards it.
type track struct {
	frames  int
	arrived time.Time // of the last frame, on the server's clock

	// recent frames, on the publisher's clock
	times [rateFrames]time.Duration
	count int // of times that are set; the last one is at (count-1) % rateFrames

	// key frames, on the publisher's clock
	keys    int // since the clock jumped
	lastKey time.Duration
	between time.Duration // the two last key frames

	// lateness: how much later than the promptest frame this one came
	first struct {
		arrived time.Time
		dts     time.Duration
	}
	late time.Duration

	buckets [rateSeconds + 1]struct {
		second int64
		bytes  int
	}
}

// frame takes note of one frame, and reports whether its time is odd, not after
// that of the one before it or far from it, and whether it jumped: GStreamer
// begins with a few frames of time 0, which is nothing to worry people with.
func (t *track) frame(now time.Time, dts time.Duration, bytes int, key bool) (odd, jumped bool) {
	step := dts - t.last()
	if t.frames > 0 {
		jumped = step < 0 || step > trackJump
		odd = jumped || step == 0
	}
	if t.count > 0 && (step > trackJump || step < -trackJump) {
		t.count, t.keys, t.between = 0, 0, 0
	}
	t.frames++
	t.arrived = now
	if t.count == 0 {
		t.first.arrived, t.first.dts = now, dts
	} else {
		t.first.arrived = t.first.arrived.Add(step / trackDrift)
	}
	t.late = now.Sub(t.first.arrived) - (dts - t.first.dts)
	if t.late < 0 { // the first frame itself was late
		t.first.arrived, t.first.dts, t.late = now, dts, 0
	}
	if t.count == 2*rateFrames {
		t.count = rateFrames
	}
	t.times[t.count%rateFrames] = dts
	t.count++
	if key {
		if t.keys > 0 {
			t.between = dts - t.lastKey
		}
		t.keys++
		t.lastKey = dts
	}
	b := &t.buckets[now.Unix()%int64(len(t.buckets))]
	if b.second != now.Unix() {
		b.second, b.bytes = now.Unix(), 0
	}
	b.bytes += bytes
	return odd, jumped
}

func (t *track) last() time.Duration { return t.times[(t.count+rateFrames-1)%rateFrames] }

// fps is the mean over the last rateFrames frames.
func (t *track) fps() float64 {
	n := min(t.count, rateFrames)
	if n < 2 {
		return 0
	}
	first := t.times[(t.count-n)%rateFrames]
	if span := t.last() - first; span > 0 {
		return float64(n-1) / span.Seconds()
	}
	return 0
}

// bitrate is the mean over the last rateSeconds full seconds, or over those
// there were. The second that runs does not count.
func (t *track) bitrate(now time.Time) int {
	bytes, seconds := 0, int64(0)
	for _, b := range t.buckets {
		age := now.Unix() - b.second
		if age >= 1 && age <= rateSeconds {
			bytes += b.bytes
			seconds = max(seconds, age)
		}
	}
	if seconds == 0 {
		return 0
	}
	return int(int64(bytes) * 8 / seconds)
}

// keyInterval is the time between the last two key frames, or since the last
// one where that is more.
func (t *track) keyInterval() time.Duration {
	if t.keys == 0 {
		return 0
	}
	return max(t.between, t.last()-t.lastKey)
}

// apart is how far the nearest two of both tracks' newest key frames lie apart;
// 0 until each has two.
func (t *track) apart(other *track) time.Duration {
	if t.keys < 2 || other.keys < 2 {
		return 0
	}
	nearest := time.Duration(math.MaxInt64)
	for _, mine := range [...]time.Duration{t.lastKey, t.lastKey - t.between} {
		for _, theirs := range [...]time.Duration{other.lastKey, other.lastKey - other.between} {
			nearest = min(nearest, (mine - theirs).Abs())
		}
	}
	return nearest
}
