package hls

import (
	"encoding/binary"
	"errors"
	"time"
)

// mediaStart is where the time zero of a run lies in its fragments, whose decode times cannot be below zero: audio may
// be that much earlier than the key frame that starts the run, and reordered pictures too.
const mediaStart = 10 * time.Second

// Why a cutter does not take a sample.
var (
	errEarly = errors.New("hls: sample before the start of its run")
	errStill = errors.New("hls: time stands still")
	errLarge = errors.New("hls: too much between two key frames")
)

// piece is one part as a lane hands it over, with its times on the publisher's clock.
type piece struct {
	body        []byte
	duration    time.Duration
	independent bool // starts with a key frame
	last        bool // the next one starts with a key frame

	decode, present time.Duration // of the first sample of the leading track
}

// strip is what came of one track since the last part.
type strip struct {
	track   uint32
	rate    int64 // ticks a second
	samples []sample
	data    []byte // of the samples, in their order
	end     int64  // of the newest sample as far as known
	usual   uint32 // duration of the one before
	still   int    // samples in a row whose time did not advance
}

// place makes room in time for the next sample, which must come after the ones before.
func (t *strip) place(at int64) (int64, error) {
	floor := t.end
	if n := len(t.samples); n > 0 {
		floor = t.samples[n-1].at + 1
	}
	if at >= floor {
		t.still = 0
		return at, nil
	}
	if t.still++; t.still >= maxStill {
		return 0, errStill
	}
	return floor, nil
}

// until tells how long the newest sample lasts, now that the next one is there.
func (t *strip) until(at int64) {
	if n := len(t.samples); n > 0 {
		t.usual = uint32(at - t.samples[n-1].at)
		t.samples[n-1].duration = t.usual
	}
}

// add appends a sample the bytes of which were appended to data.
func (t *strip) add(s sample) {
	if s.duration == 0 {
		s.duration = t.usual
	}
	t.samples = append(t.samples, s)
	t.end = s.at + int64(s.duration)
}

// traf is the first n samples.
func (t *strip) traf(n int) traf {
	s := traf{track: t.track, samples: t.samples[:n]}
	for _, x := range s.samples {
		s.size += x.size
	}
	return s
}

// drop forgets the first n samples, which have that many bytes.
func (t *strip) drop(n, bytes int) {
	t.samples = append(t.samples[:0], t.samples[n:]...)
	t.data = append(t.data[:0], t.data[bytes:]...)
	if cap(t.data) > maxScratch && len(t.data) < maxScratch/2 {
		t.data = append([]byte(nil), t.data...)
	}
}

// cutter makes parts of the samples of one rendition. Both tracks go into one fragment, so that a part is one body. How
// long a sample lasts is known when the next one comes; the newest one of the leading track therefore waits.
//
// What comes in is copied into memory that the cutter uses again and again. A part is copied out of there once, into a
// body of just its size.
type cutter struct {
	// configuration
	leading, audio strip
	segmentMin     int64 // ticks of the leading track
	partMin        int64
	partMax        int64

	// state
	segment int64 // when the segment began
	begun   bool
	bytes   int // of the segment
	number  uint32
	head    []byte // scratch: of a fragment
	tail    []byte // scratch: what stays behind a cut
}

// newCutter is for a leading track with that many ticks a second, and audio at that rate, if there is any.
func newCutter(leading, audio int64, segment, part time.Duration) *cutter {
	return &cutter{
		leading:    strip{track: leadingTrack, rate: leading},
		audio:      strip{track: audioTrack, rate: audio},
		segmentMin: ticks(segment, leading),
		partMin:    ticks(part, leading),
		partMax:    ticks(partTarget, leading),
	}
}

// lead takes a sample of the leading track and returns the parts that it completes: what comes with it begins a new
// segment when it is a key frame that may. It lasts as long as told unless the next one says otherwise.
func (c *cutter) lead(s sample, write func(to []byte) []byte) ([]piece, error) {
	present := s.at + int64(s.offset)
	at, err := c.leading.place(s.at + ticks(mediaStart, c.leading.rate))
	switch {
	case err != nil:
		return nil, err
	case at < 0:
		return nil, errEarly
	}
	s.at, s.offset = at, int32(present+ticks(mediaStart, c.leading.rate)-at)
	if !c.begun {
		c.begun, c.segment = true, s.at
	}
	pieces := c.cutFor(s)
	if err := c.append(&c.leading, s, write); err != nil {
		return pieces, err
	}
	return pieces, nil
}

// sound takes a sample of the audio beside a leading video.
func (c *cutter) sound(s sample, write func(to []byte) []byte) error {
	at, err := c.audio.place(s.at + ticks(mediaStart, c.audio.rate))
	switch {
	case err != nil:
		return err
	case at < 0:
		return errEarly
	}
	s.at, s.key = at, true
	return c.append(&c.audio, s, write)
}

func (c *cutter) append(t *strip, s sample, write func(to []byte) []byte) error {
	before := len(t.data)
	t.data = write(t.data)
	s.size = len(t.data) - before
	if c.bytes+s.size > segmentMaxBytes {
		t.data = t.data[:before]
		return errLarge
	}
	c.bytes += s.size
	t.until(s.at)
	t.add(s)
	return nil
}

// cutFor makes the parts that end where the sample begins, or in front of the one before it, if that turns out to have
// lasted too long for its part.
func (c *cutter) cutFor(next sample) (pieces []piece) {
	n := len(c.leading.samples)
	if n == 0 {
		return nil
	}
	c.leading.until(next.at)
	if n > 1 && next.at-c.leading.samples[0].at > c.partMax {
		pieces = append(pieces, c.cut(n-1))
		n = 1
	}
	over := next.key && next.at-c.segment >= c.segmentMin
	if over || next.at-c.leading.samples[0].at >= c.partMin {
		p := c.cut(n)
		p.last = over
		pieces = append(pieces, p)
	}
	if over {
		c.segment, c.bytes = next.at, 0
	}
	return pieces
}

// finish returns what is left, which ends at that time, or when the newest sample should if that is not known.
func (c *cutter) finish(end int64, known bool) []piece {
	n := len(c.leading.samples)
	if n == 0 {
		return nil
	}
	last := &c.leading.samples[n-1]
	if end += ticks(mediaStart, c.leading.rate); known && end > last.at && end-last.at <= ticks(longestFrame, c.leading.rate) {
		last.duration = uint32(end - last.at)
	}
	p := c.cut(n)
	p.last = known
	return []piece{p}
}

// cut makes a part of the first n samples of the leading track and all the audio there is.
func (c *cutter) cut(n int) piece {
	lead, sound := c.leading.traf(n), c.audio.traf(len(c.audio.samples))
	c.number++
	c.head = appendFragment(c.head[:0], c.number, lead, sound)
	c.tail = append(c.tail[:0], c.leading.data[lead.size:]...)
	c.leading.data = append(c.leading.data[:lead.size], c.audio.data...)

	first, final := lead.samples[0], lead.samples[n-1]
	start := first.at - ticks(mediaStart, c.leading.rate)
	p := piece{
		body:        append(c.head[:len(c.head):len(c.head)], c.leading.data...), // grows to just this, and clears nothing
		duration:    span(final.at+int64(final.duration)-first.at, c.leading.rate),
		independent: first.key,
		decode:      span(start, c.leading.rate),
		present:     span(start+int64(first.offset), c.leading.rate),
	}
	c.leading.data = append(c.leading.data[:lead.size], c.tail...)
	c.leading.drop(n, lead.size)
	c.audio.drop(len(c.audio.samples), len(c.audio.data))
	return p
}

// appendUnits writes NAL units as they go into samples, each behind its length (ISO 14496-15 section 4.3.3).
func appendUnits(b []byte, units [][]byte) []byte {
	for _, u := range units {
		b = binary.BigEndian.AppendUint32(b, uint32(len(u)))
		b = append(b, u...)
	}
	return b
}

// appendOBUs writes bare OBUs as they go into samples, each with its size (AV1-ISOBMFF section 2.4).
func appendOBUs(b []byte, units [][]byte) []byte {
	const sized = 2
	for _, u := range units {
		b = append(b, u[0]|sized)
		b = binary.AppendUvarint(b, uint64(len(u)-1)) // leb128
		b = append(b, u[1:]...)
	}
	return b
}
