package ingest

import "time"

// clock turns RTMP timestamps into a time that does not wrap around. RTMP wraps
// at 2^32 ms, but senders that keep to FLV (OBS, FFmpeg) at 2^31 ms: the
// difference of two timestamps modulo 2^31 is right for both, and for steps of
// up to twelve days either way.
type clock struct {
	begun bool
	last  uint32
	ms    int64
}

func (c *clock) at(timestamp uint32) time.Duration {
	if !c.begun {
		c.begun, c.last, c.ms = true, timestamp, int64(timestamp)
	}
	c.ms += int64(int32((timestamp-c.last)<<1) >> 1)
	c.last = timestamp
	return time.Duration(c.ms) * time.Millisecond
}
