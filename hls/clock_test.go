package hls

import (
	"testing"
	"time"
)

const frameTime = time.Second / 30

func TestClock(t *testing.T) {
	// each delay says how late a frame is at a media time
	for name, tt := range map[string]struct {
		delay func(ts time.Duration) time.Duration
		want  time.Duration // offset of the date from media time, after a minute
		slack time.Duration
	}{
		"steady":                {func(time.Duration) time.Duration { return 50 * time.Millisecond }, 50 * time.Millisecond, 0},
		"stall, then a burst":   {stall(20*time.Second, 2*time.Second), 0, 0},
		"slow start":            {func(ts time.Duration) time.Duration { return max(0, 300*time.Millisecond-ts) }, 0, 0},
		"clock 100 ppm fast":    {func(ts time.Duration) time.Duration { return time.Second - ts/10000 }, time.Second - 6*time.Millisecond, 2 * time.Millisecond},
		"late for good":         {func(ts time.Duration) time.Duration { return step(ts > 20*time.Second, 500*time.Millisecond) }, 30 * time.Millisecond, 2 * time.Millisecond},
		"one clock adjustment":  {func(ts time.Duration) time.Duration { return step(ts > 20*time.Second, -time.Hour) }, -40 * time.Millisecond, 2 * time.Millisecond},
		"jitter on every frame": {func(ts time.Duration) time.Duration { return ts % (70 * time.Millisecond) }, 0, 4 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			var c clock
			var last time.Time
			for ts := time.Duration(0); ts <= time.Minute; ts += frameTime {
				c.see(ts, epoch.Add(ts+tt.delay(ts)))
				if ts > time.Second {
					c.fix(ts, time.Time{})
				}
				if !c.fixed {
					continue
				}
				at := c.at(ts)
				if d := at.Sub(last); !last.IsZero() && (d < frameTime-time.Millisecond || d > frameTime+time.Millisecond) {
					t.Fatalf("at %v the date moved by %v", ts, d)
				}
				last = at
			}
			if got := c.at(0).Sub(epoch); got < tt.want-tt.slack || got > tt.want+tt.slack {
				t.Errorf("offset %v, want %v", got, tt.want)
			}
		})
	}
}

func step(on bool, d time.Duration) time.Duration {
	if on {
		return d
	}
	return 0
}

// stall holds everything back from a time on and delivers it at once after it.
func stall(from, length time.Duration) func(time.Duration) time.Duration {
	return func(ts time.Duration) time.Duration {
		if ts > from && ts < from+length {
			return from + length - ts
		}
		return 0
	}
}

// A second publisher's dates never go under the first one's, whatever its clock says.
func TestClockFloor(t *testing.T) {
	var c clock
	c.see(5*time.Second, epoch)
	c.fix(5*time.Second, epoch.Add(3*time.Second))
	if got := c.at(5 * time.Second); !got.Equal(epoch.Add(3 * time.Second)) {
		t.Errorf("dated %v", got)
	}
	c.fix(6*time.Second, epoch)
	if got := c.at(6 * time.Second); !got.Equal(epoch.Add(4 * time.Second)) {
		t.Errorf("a lower floor moved it to %v", got)
	}
}

func TestGrid(t *testing.T) {
	rates := map[string]struct{ num, den int64 }{"30": {30, 1}, "29.97": {30000, 1001}, "24": {24, 1}, "60": {60, 1}}
	for name, rate := range rates {
		t.Run(name, func(t *testing.T) {
			g := grid{num: rate.num, den: rate.den}
			for n := range int64(100_000) {
				exact := n * videoRate * rate.den / rate.num
				ms := span(exact, videoRate).Round(time.Millisecond)
				if got := g.snap(ms); got != exact {
					t.Fatalf("frame %d at %v: %d ticks, want %d", n, ms, got, exact)
				}
			}
		})
	}
	t.Run("unknown rate", func(t *testing.T) {
		var g grid
		if got := g.snap(33 * time.Millisecond); got != 2970 {
			t.Errorf("%d ticks", got)
		}
	})
	t.Run("no constant rate", func(t *testing.T) {
		g := grid{num: 30, den: 1}
		for n := range 20 {
			ts := time.Duration(n) * 40 * time.Millisecond
			if got := g.snap(ts); n > gridStrikes*2 && got != ticks(ts, videoRate) {
				t.Errorf("frame %d still bent to %d", n, got)
			}
		}
	})
	t.Run("slow drift", func(t *testing.T) { // 20 ppm: nearly every frame stays snapped
		g, last, odd := grid{num: 30, den: 1}, int64(-3000), 0
		for n := range 100_000 {
			ts := (time.Duration(n) * frameTime * 1_000_020 / 1_000_000).Round(time.Millisecond)
			got := g.snap(ts)
			if got-last != 3000 {
				odd++
			}
			last = got
		}
		if odd > 100 {
			t.Errorf("%d of 100000 frames off", odd)
		}
	})
	t.Run("reordered and before the start", func(t *testing.T) {
		g := grid{num: 30, den: 1}
		for _, n := range []int64{3, 0, 2, 1, -4, 7} {
			if got := g.snap(time.Second + span(n*3000, videoRate).Round(time.Millisecond)); got != 90000+n*3000 {
				t.Errorf("frame %d: %d ticks", n, got)
			}
		}
	})
}

func TestCounter(t *testing.T) {
	c := counter{rate: 44100}
	for n := range int64(100_000) {
		if got := c.take(span(n*1024, 44100).Round(time.Millisecond), aacFrameSize); got != n*1024 {
			t.Fatalf("unit %d at %d", n, got)
		}
	}
	if got := c.take(time.Hour, aacFrameSize); got != 3600*44100 {
		t.Errorf("after a hole: %d", got)
	}
	if got := c.take(time.Minute, aacFrameSize); got != 60*44100 {
		t.Errorf("after going back: %d", got)
	}
}

func TestTicks(t *testing.T) {
	for d, want := range map[time.Duration]int64{0: 0, time.Second: 90000, -time.Second: -90000, -33 * time.Millisecond: -2970, 1000 * time.Hour: 324_000_000_000} {
		if got := ticks(d, videoRate); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
		if got := span(want, videoRate); got != d {
			t.Errorf("%d: %v, want %v", want, got, d)
		}
	}
}
