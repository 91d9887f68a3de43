package hls

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// segmentsPerSecond bounds how fast media sequence numbers are used up, for leaving room when a show goes on after a
// restart of the process. A run shows nothing before its first segment of segmentMin is complete, so even an encoder
// that drops all the time stays far below.
const segmentsPerSecond = 4

// timeline is the media of one show: it numbers the segments of all publisher sessions, keeps the window and renders
// what viewers see. Writers call its methods; readers load its view.
type timeline struct {
	// configuration
	epoch   string        // first element of every URI
	closing chan struct{} // closed when the origin goes down

	mu sync.Mutex // guards everything below but view

	// state
	target        int // TARGETDURATION in seconds, 0 until the first segment
	next          uint64
	filling       *segment // the tail, nil while it has no parts
	done          []*segment
	expired       int    // done[:expired] have left the window and are still readable
	discontinuity uint64 // tags that slid out of the window
	heads         uint64
	head          *head // of the current run
	breaks        bool  // the next segment starts with a discontinuity
	ranges        []DateRange
	version       uint64
	publisher     bool
	ended         bool
	index         *text

	view atomic.Pointer[view]
}

// newTimeline starts numbering above everything that a former process can have used since the show started.
func newTimeline(startedAt, now time.Time, closing chan struct{}) *timeline {
	var id [4]byte
	rand.Read(id[:]) // never fails since Go 1.24
	base := uint64(0)
	if age := now.Sub(startedAt); !startedAt.IsZero() && age > 0 {
		base = uint64(age / (time.Second / segmentsPerSecond))
	}
	t := &timeline{epoch: "g" + hex.EncodeToString(id[:]), closing: closing, next: base, discontinuity: base}
	t.view.Store(&view{next: make(chan struct{}), tail: tail{msn: base}})
	return t
}

// dated is one part as a session hands it over.
type dated struct {
	piece
	at time.Time // program date-time of its first sample
}

// begin makes the following parts a run of their own, with its init section. The segment that is being filled is
// committed as it is.
func (t *timeline) begin(h *head, init []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commit()
	h.number = t.heads
	t.heads++
	h.object = newObject(headName(t.epoch, h.number), h.contentTypeOf(), init)
	t.breaks = t.head != nil
	t.head, t.index = h, nil
}

// add appends parts of the current run and shows them all at once. It reports whether they are in the window, which
// they are unless the show has ended.
func (t *timeline) add(parts []dated) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.head == nil || len(parts) == 0 {
		return false
	}
	if t.target == 0 {
		t.target = chooseTarget(parts)
	}
	for _, p := range parts {
		t.addPart(p)
	}
	t.publish()
	return true
}

// chooseTarget fixes TARGETDURATION by the first segment of a show.
func chooseTarget(parts []dated) int {
	var d time.Duration
	for _, p := range parts {
		if d += p.duration; p.last {
			break
		}
	}
	for _, target := range targetDurations {
		if d <= segmentMax(target) {
			return target
		}
	}
	return targetDurations[len(targetDurations)-1]
}

// segmentMax is the longest segment that TARGETDURATION allows: its duration rounded to whole seconds must not exceed
// it (RFC 8216bis section 4.4.3.1).
func segmentMax(target int) time.Duration {
	return time.Duration(target)*time.Second + 490*time.Millisecond
}

func (t *timeline) addPart(p dated) {
	if s := t.filling; s != nil && s.duration+p.duration > segmentMax(t.target) {
		t.commit()
	}
	s := t.filling
	if s == nil {
		s = &segment{msn: t.next, head: t.head, start: p.at, discontinuity: t.breaks}
		t.filling, t.breaks = s, false
	}
	name := partName(t.epoch, s.msn, len(s.parts))
	s.parts = append(s.parts, &part{
		object:   newObject(name, t.head.contentTypeOf(), p.body),
		duration: p.duration, independent: p.independent,
	})
	s.duration += p.duration
	s.size += len(p.body)
	if p.last || s.duration+partTarget > segmentMax(t.target) {
		t.commit()
	}
}

// commit completes the segment that is being filled.
func (t *timeline) commit() {
	s := t.filling
	if s == nil {
		return
	}
	t.filling = nil
	t.next++
	chunks := make([][]byte, len(s.parts))
	for i, p := range s.parts {
		chunks[i] = p.chunks[0]
	}
	s.object = newObject(segmentName(t.epoch, s.msn), s.head.contentTypeOf(), chunks...)
	t.done = append(t.done, s)
	t.slide()
}

// slide takes segments out of the window, and forgets those that left it one window ago: players may still be
// fetching what they read in an older playlist (RFC 8216bis section 6.2.2).
func (t *timeline) slide() {
	keep := max(windowSpan, 3*time.Duration(t.target)*time.Second)
	var window time.Duration
	for _, s := range t.done[t.expired:] {
		window += s.duration
	}
	for len(t.done)-t.expired > windowSegments && window-t.done[t.expired].duration >= keep {
		s := t.done[t.expired]
		window -= s.duration
		if s.discontinuity {
			t.discontinuity++
		}
		t.expired++
	}
	var readable time.Duration
	var bytes int
	for _, s := range t.done[:t.expired] {
		readable += s.duration
		bytes += s.size
	}
	drop := 0
	for drop < t.expired && (readable > keep || bytes > readableBytes) {
		readable -= t.done[drop].duration
		bytes -= t.done[drop].size
		drop++
	}
	if drop > 0 { // a new array: views hold the old one
		t.done = append([]*segment(nil), t.done[drop:]...)
		t.expired -= drop
	}
}

// end of the newest media, zero when there is none.
func (t *timeline) end() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.filling != nil:
		return t.filling.end()
	case len(t.done) > 0:
		return t.done[len(t.done)-1].end()
	}
	return time.Time{}
}

// join says that an encoder is on.
func (t *timeline) join() { t.change(func() { t.publisher = true }) }

// leave says that an encoder is gone, and commits what it left unfinished. replaced means that another one is on.
func (t *timeline) leave(replaced bool) {
	t.change(func() { t.commit(); t.publisher = replaced })
}

// finish ends the show: the playlist becomes final.
func (t *timeline) finish() { t.change(func() { t.commit(); t.publisher, t.ended = false, true }) }

// mark adds a date range, or the end to the one that has its ID. What was once shown of a range stays as it was.
func (t *timeline) mark(r DateRange) {
	r, ok := r.tidy()
	if !ok {
		return
	}
	t.change(func() {
		for i := range t.ranges {
			if old := &t.ranges[i]; old.ID == r.ID {
				if old.End.IsZero() && !r.End.IsZero() {
					old.End = r.End
					if old.End.Before(old.Start) {
						old.End = old.Start
					}
				}
				return
			}
		}
		if len(t.ranges) >= maxDateRanges {
			i := max(0, slices.IndexFunc(t.ranges, func(r DateRange) bool { return !r.End.IsZero() }))
			t.ranges = slices.Delete(t.ranges, i, i+1)
		}
		t.ranges = append(t.ranges, r)
	})
}

func (t *timeline) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	f()
	t.publish()
}

// publish renders the state into a new view and wakes everybody who waits for one.
func (t *timeline) publish() {
	t.version++
	v := &view{
		segments:  t.done[:len(t.done):len(t.done)],
		tail:      tail{msn: t.next},
		target:    time.Duration(max(t.target, targetDurations[0])) * time.Second,
		publisher: t.publisher,
		ended:     t.ended,
		next:      make(chan struct{}),
	}
	p := page{epoch: t.epoch, target: t.target, discontinuity: t.discontinuity, window: t.done[t.expired:], ended: t.ended}
	if s := t.filling; s != nil {
		v.tail.head, v.tail.parts = s.head, s.parts[:len(s.parts):len(s.parts)]
		p.tailStart, p.tailBreaks = s.start, s.discontinuity
	}
	p.tail = v.tail
	if t.target > 0 {
		p.ranges = t.overlapping(p)
		v.media = newText(renderMedia(p), tag(t.epoch, t.version))
		v.index = t.renderIndex()
	}
	old := t.view.Swap(v)
	close(old.next)
}

// overlapping drops the ranges that ended before the window and returns the others.
func (t *timeline) overlapping(p page) []DateRange {
	start := p.tailStart
	if len(p.window) > 0 {
		start = p.window[0].start
	}
	kept := make([]DateRange, 0, len(t.ranges))
	for _, r := range t.ranges {
		if r.overlaps(start) {
			kept = append(kept, r)
		}
	}
	t.ranges = kept
	return kept
}

// renderIndex measures the run's first complete segment and says the same for the whole run: a multivariant playlist
// that changes with every look tells players nothing.
func (t *timeline) renderIndex() *text {
	if t.index != nil {
		return t.index
	}
	old := t.view.Load().index
	if len(t.done) == 0 {
		return old
	}
	s := t.done[len(t.done)-1]
	if s.head != t.head || s.duration <= 0 {
		return old
	}
	average := int(float64(s.size*8) / s.duration.Seconds())
	peak := (average + average/4 + 99_999) / 100_000 * 100_000
	body := renderIndex(s.head, peak, average)
	t.index = newText(body, tag(t.epoch+"-index", t.version))
	return t.index
}
