package hls

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"slices"
	"sync"
	"time"
)

// segmentsPerSecond bounds how fast media sequence numbers are used up, for leaving room when a show goes on after a
// restart of the process. A run shows nothing before its first segment of segmentMin is complete, so even an encoder
// that drops all the time stays far below.
const segmentsPerSecond = 4

// timeline is the media of one show: it numbers the segments of all publisher sessions, keeps the windows and renders
// what viewers see. Writers call its methods; readers load the renditions' views.
type timeline struct {
	// configuration
	epoch   string        // what the URIs of all renditions start with
	closing chan struct{} // closed when the origin goes down

	renditions [maxTracks]rendition

	mu sync.Mutex // guards everything below, and the renditions but for their views

	// state
	target    int     // TARGETDURATION in seconds, 0 until the first segment
	next      uint64  // sequence number of the next slot
	slots     []*slot // newest last
	breaks    uint64  // discontinuities so far
	ranges    []DateRange
	version   uint64
	publisher bool
	ended     bool
	index     *text
	indexed   uint64 // run that index speaks of

	// state of the current run
	run      uint64        // 0 before the first
	lead     int           // the rendition whose key frames cut the segments of all
	breaking bool          // its first slot starts with a discontinuity
	first    time.Duration // publisher's time of its first slot
	through  time.Duration // how far the lead got, on the publisher's clock
}

// newTimeline starts numbering above everything that a former process can have used since the show started.
func newTimeline(startedAt, now time.Time, closing chan struct{}) *timeline {
	var id [4]byte
	rand.Read(id[:]) // never fails since Go 1.24
	base := uint64(0)
	if age := now.Sub(startedAt); !startedAt.IsZero() && age > 0 {
		base = uint64(age / (time.Second / segmentsPerSecond))
	}
	t := &timeline{closing: closing, next: base, breaks: base}
	t.name("g" + hex.EncodeToString(id[:]))
	for i := range t.renditions {
		t.renditions[i].track, t.renditions[i].next = i, base
	}
	t.renditions[0].view.Store(&view{next: make(chan struct{}), tail: tail{msn: base}})
	return t
}

// name sets the epoch.
func (t *timeline) name(epoch string) {
	t.epoch = epoch
	for i := range t.renditions {
		t.renditions[i].prefix = prefixOf(epoch, i)
	}
}

// look returns what viewers of a rendition see, nil if it was never there.
func (t *timeline) look(track int) *view { return t.renditions[track].view.Load() }

// dated is one part as a session hands it over.
type dated struct {
	piece
	at time.Time // program date-time of its first sample
}

// begin makes what follows a run of its own. Segments that are being filled are committed as they are. The
// multivariant playlist waits a moment for the tracks that are due.
func (t *timeline) begin(lead int, due [maxTracks]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.commit()
	t.breaking = len(t.slots) > 0
	t.run++
	t.lead, t.through = lead, math.MinInt64
	for i := range t.renditions {
		r := &t.renditions[i]
		r.head, r.due, r.joined, r.keyed, r.waiting = nil, due[i], false, false, nil
	}
}

// open gives a rendition its init section: at the start of a run, or when it joins one.
func (t *timeline) open(track int, h *head, init []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.renditions[track]
	h.number = r.heads
	r.heads++
	h.object = newObject(headName(r.prefix, h.number), h.contentTypeOf(), init)
	r.head, r.joined, r.keyed, r.fresh, r.waiting = h, false, false, true, nil
}

// add appends parts of the current run and shows them all at once. It reports whether the run can be played, which it
// can unless the show has ended or its multivariant playlist still waits for a rendition.
func (t *timeline) add(track int, parts []dated) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.renditions[track]
	if t.ended || r.head == nil || len(parts) == 0 {
		return false
	}
	r.waiting = append(r.waiting, parts...)
	if over := len(r.waiting) - maxWaiting; over > 0 {
		r.waiting = r.waiting[over:]
	}
	t.settle()
	return t.indexed == t.run
}

// drop takes a rendition out that has stopped or failed; the others go on without. The last one that viewers have
// stays as it is.
func (t *timeline) drop(track int) {
	t.change(func() {
		r := &t.renditions[track]
		r.commit(t.target)
		r.head, r.due, r.joined, r.waiting = nil, false, false, nil
		if t.lead == track {
			t.lead = t.successor()
		}
		t.advance()
		if t.indexed == t.run && slices.ContainsFunc(t.all(), (*rendition).ready) {
			t.reindex()
		} else {
			t.relist()
		}
	})
}

// successor is the rendition that leads when the one before has gone: the lowest that has media.
func (t *timeline) successor() int {
	for _, has := range []func(*rendition) bool{
		func(r *rendition) bool { return r.joined },
		func(r *rendition) bool { return r.due },
	} {
		for i := range t.renditions {
			if has(&t.renditions[i]) {
				return i
			}
		}
	}
	return t.lead
}

// all are the renditions, the leading one first.
func (t *timeline) all() []*rendition {
	out := make([]*rendition, 0, maxTracks)
	out = append(out, &t.renditions[t.lead])
	for i := range t.renditions {
		if i != t.lead {
			out = append(out, &t.renditions[i])
		}
	}
	return out
}

// chooseTarget fixes TARGETDURATION by the first segment of the show, once that is complete or longer than all values
// but the last allow. Until then there are parts for those who are sent them, and no playlist.
func (t *timeline) chooseTarget() {
	r := &t.renditions[t.lead]
	s, complete := r.filling, len(r.done) > 0
	if complete {
		s = r.done[0]
	}
	if t.target > 0 || s == nil {
		return
	}
	longest := len(targetDurations) - 1
	for _, target := range targetDurations[:longest] {
		if s.duration <= segmentMax(target) {
			if complete {
				t.target = target
			}
			return
		}
	}
	t.target = targetDurations[longest]
}

// segmentLimit is how long segments may be.
func (t *timeline) segmentLimit() time.Duration {
	if t.target == 0 {
		return segmentMax(targetDurations[len(targetDurations)-1])
	}
	return segmentMax(t.target)
}

// segmentMax is the longest segment that TARGETDURATION allows: its duration rounded to whole seconds must not exceed
// it (RFC 8216bis section 4.4.3.1).
func segmentMax(target int) time.Duration {
	return time.Duration(target)*time.Second + 490*time.Millisecond
}

// commit completes all segments that are being filled.
func (t *timeline) commit() {
	t.closeSlot(t.through)
	for i := range t.renditions {
		t.renditions[i].commit(t.target)
		t.renditions[i].waiting = nil
	}
	t.chooseTarget()
}

// end of the newest media, zero when there is none.
func (t *timeline) end() (end time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.renditions {
		if e := t.renditions[i].end(); e.After(end) {
			end = e
		}
	}
	return end
}

// join says that an encoder is on.
func (t *timeline) join() { t.change(func() { t.publisher = true }) }

// leave says that an encoder is gone, and commits what it left unfinished. replaced means that another one is on.
func (t *timeline) leave(replaced bool) {
	t.change(func() { t.commit(); t.publisher = replaced })
}

// finish ends the show: the playlists become final.
func (t *timeline) finish() { t.change(func() { t.commit(); t.publisher, t.ended = false, true }) }

// mark adds a date range, or the end to the one that has its ID. What was once shown of a range stays as it was.
func (t *timeline) mark(r DateRange) (news bool) {
	r, ok := r.tidy()
	if !ok {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	if news = t.note(r); news {
		t.publishAll()
	}
	return news
}

// note keeps a date range, or its end.
func (t *timeline) note(r DateRange) (news bool) {
	for i := range t.ranges {
		if old := &t.ranges[i]; old.ID == r.ID {
			if !old.End.IsZero() || r.End.IsZero() {
				return false
			}
			old.End = r.End
			if old.End.Before(old.Start) {
				old.End = old.Start
			}
			return true
		}
	}
	if len(t.ranges) >= maxDateRanges {
		i := max(0, slices.IndexFunc(t.ranges, func(r DateRange) bool { return !r.End.IsZero() }))
		t.ranges = slices.Delete(t.ranges, i, i+1)
	}
	t.ranges = append(t.ranges, r)
	return true
}

// change does something that all viewers are to see.
func (t *timeline) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	f()
	t.publishAll()
}
