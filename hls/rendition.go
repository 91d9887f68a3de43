package hls

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// rendition is one quality of a show: its window and what viewers of it see. The timeline's lock guards everything but
// view. A show with one quality has it as rendition 0.
type rendition struct {
	// configuration
	track  int
	prefix string // first element of every URI

	// state
	head     *head // of the current run
	heads    uint64
	next     uint64 // sequence number of the segment that is being filled, or of the next one
	filling  *segment
	done     []*segment
	expired  int      // done[:expired] have left the window and are still readable
	measured *listing // nil until a segment is complete
	listed   bool     // is in the multivariant playlist

	// state of the current run
	due     bool          // the multivariant playlist waits for it
	joined  bool          // has media of the run
	keyed   bool          // and a further key frame that a segment started with
	fresh   bool          // the next part starts with a key frame that cut
	through time.Duration // publisher's time after the newest part
	waiting []dated       // parts that came before the source got there

	view atomic.Pointer[view] // nil while the rendition was never there; never nil for rendition 0
}

// listing is one entry of the multivariant playlist.
type listing struct {
	head          *head
	peak, average int // bits a second
}

// mediaFile is the name of a rendition's playlist.
func mediaFile(track int) string {
	if track == 0 {
		return "live.m3u8"
	}
	return "live-" + strconv.Itoa(track) + ".m3u8"
}

// trackOf is the inverse of mediaFile. Every request passes here: nothing is allocated.
func trackOf(file string) (track int, ok bool) {
	name, ok := strings.CutSuffix(file, ".m3u8")
	if !ok {
		return 0, false
	}
	if name == "live" {
		return 0, true
	}
	number, ok := strings.CutPrefix(name, "live-")
	if !ok {
		return 0, false
	}
	n, ok := canonical(number)
	return int(n), ok && n > 0 && n < maxTracks
}

// prefixOf is the first element of a rendition's URIs.
func prefixOf(epoch string, track int) string {
	if track == 0 {
		return epoch
	}
	return epoch + "-" + strconv.Itoa(track)
}

// start begins the segment of a slot. Slots that passed without media become gaps, so that numbers stay in step with
// the other renditions; passed is nil when they are not known any more, and then the window starts anew.
func (r *rendition) start(s *slot, at time.Duration, passed []*slot, target int) {
	if uint64(len(passed)) != s.msn-r.next || len(r.done) == 0 {
		r.done, r.expired, passed = nil, 0, nil
	}
	for _, g := range passed {
		r.done = append(r.done, &segment{slot: g, head: r.done[len(r.done)-1].head, start: g.date, duration: min(g.stop-g.at, segmentMax(target)), gap: true})
	}
	start := s.date
	if off := at - s.at; off > gridTolerance || off < -gridTolerance {
		start = s.date.Add(off)
	}
	if n := len(r.done); n > 0 && !start.After(r.done[n-1].start) { // times and durations disagree where frames were lost
		start = r.done[n-1].end()
	}
	r.next, r.joined, r.through = s.msn, true, at
	r.filling = &segment{slot: s, head: r.head, start: start}
}

// append puts a part into the segment that is being filled.
func (r *rendition) append(p piece) {
	s := r.filling
	name := partName(r.prefix, s.msn, len(s.parts))
	s.parts = append(s.parts, &part{
		object: newObject(name, s.head.contentTypeOf(), p.body),
		msn:    s.msn, number: len(s.parts), date: s.end(),
		duration: p.duration, independent: p.independent,
	})
	s.duration += p.duration
	s.size += len(p.body)
}

// pass takes note of a part's times.
func (r *rendition) pass(at time.Duration, p piece) {
	r.through, r.fresh = at+p.duration, p.last
	r.keyed = r.keyed || p.last
}

// commit completes the segment that is being filled.
func (r *rendition) commit(target int) {
	s := r.filling
	if s == nil {
		return
	}
	r.filling = nil
	r.next = s.msn + 1
	chunks := make([][]byte, len(s.parts))
	for i, p := range s.parts {
		chunks[i] = p.chunks[0]
	}
	s.object = newObject(segmentName(r.prefix, s.msn), s.head.contentTypeOf(), chunks...)
	r.done = append(r.done, s)
	r.slide(target)
}

// slide takes segments out of the window, and forgets those that left it one window ago: players may still be
// fetching what they read in an older playlist (RFC 8216bis section 6.2.2).
func (r *rendition) slide(target int) {
	least := windowLeast * time.Duration(target) * time.Second
	most := windowTargets * time.Duration(target) * time.Second
	var window time.Duration
	var bytes int
	for _, s := range r.done[r.expired:] {
		window += s.duration
		bytes += s.size
	}
	for len(r.done)-r.expired > windowSegments {
		s := r.done[r.expired]
		if rest := window - s.duration; rest < least || rest < most && bytes <= windowBytes {
			break
		}
		window -= s.duration
		bytes -= s.size
		r.expired++
	}
	var readable time.Duration
	bytes = 0
	for _, s := range r.done[:r.expired] {
		readable += s.duration
		bytes += s.size
	}
	drop := 0
	for drop < r.expired && (readable > window || bytes > readableBytes) {
		readable -= r.done[drop].duration
		bytes -= r.done[drop].size
		drop++
	}
	if drop > 0 { // a new array: views hold the old one
		r.done = append([]*segment(nil), r.done[drop:]...)
		r.expired -= drop
	}
}

// end of the newest media, zero when there is none.
func (r *rendition) end() time.Time {
	switch {
	case r.filling != nil:
		return r.filling.end()
	case len(r.done) > 0:
		return r.done[len(r.done)-1].end()
	}
	return time.Time{}
}

// ready reports whether the rendition was measured in the current run.
func (r *rendition) ready() bool {
	return r.joined && r.measured != nil && r.measured.head == r.head
}

// measure takes the first segment of a run, or some of it, for the whole of the run: a multivariant playlist that
// changes with every look tells players nothing. A rendition is not offered before it has shown that its key frames
// come with the source's. It reports whether there is news.
func (r *rendition) measure(leads bool) bool {
	if r.ready() || !leads && !r.keyed {
		return false
	}
	s := r.filling
	if s == nil || s.duration < measureSpan {
		if len(r.done) == 0 {
			return false
		}
		s = r.done[len(r.done)-1]
	}
	if s.head != r.head || s.gap || s.duration <= 0 {
		return false
	}
	average := int(float64(s.size*8) / s.duration.Seconds())
	peak := (average + average/4 + 99_999) / 100_000 * 100_000
	r.measured = &listing{head: s.head, peak: peak, average: average}
	return true
}

// report is what other renditions' playlists say of this one.
func (r *rendition) report() report {
	out := report{file: mediaFile(r.track), msn: r.next}
	if r.filling != nil {
		out.part = len(r.filling.parts) - 1
	} else if n := len(r.done); n > 0 {
		out.msn, out.part = r.done[n-1].msn, max(0, len(r.done[n-1].parts)-1)
	}
	return out
}
