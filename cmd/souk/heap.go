package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Media in the windows is large, holds no pointers and is replaced at a steady
// pace. Go's rule, to let the heap double before the next collection, would have
// a server hold every window twice over, and would save next to nothing: marking
// media costs the same whatever its size. So the heap may grow by all of what is
// not media, as always, but only by a part of what is.
const (
	mediaGrowth  = 5  // percent of the windows
	leastGrowth  = 10 // percent of the whole
	usualGrowth  = 100
	heapInterval = 5 * time.Second
)

// growth is the percentage for a heap that holds that much, media included.
func growth(live, media int64) int {
	media = min(media, live)
	if live <= 0 {
		return usualGrowth
	}
	return int(max(leastGrowth, (usualGrowth*(live-media)+mediaGrowth*media)/live))
}

// keepHeapSmall follows the windows. An operator who sets GOGC decides alone.
func keepHeapSmall(held func() int64) part {
	return func(ctx context.Context) error {
		if os.Getenv("GOGC") != "" {
			<-ctx.Done()
			return ctx.Err()
		}
		defer debug.SetGCPercent(usualGrowth)
		tick := time.NewTicker(heapInterval)
		defer tick.Stop()
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		now := usualGrowth
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			metrics.Read(live)
			if next := growth(int64(live[0].Value.Uint64()), held()); next != now {
				now = next
				debug.SetGCPercent(now)
			}
		}
	}
}
