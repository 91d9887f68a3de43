package hls

import "time"

// publish renders a rendition into a new view and wakes everybody who waits for one.
func (t *timeline) publish(r *rendition) {
	t.version++
	v := &view{
		segments:  r.done[:len(r.done):len(r.done)],
		tail:      tail{msn: r.next},
		target:    time.Duration(max(t.target, targetDurations[0])) * time.Second,
		publisher: t.publisher,
		ended:     t.ended,
		off:       !r.listed,
		index:     t.index,
		next:      make(chan struct{}),
	}
	p := page{prefix: r.prefix, target: t.target, discontinuity: t.breaks, window: r.done[r.expired:], ended: t.ended}
	if s := r.filling; s != nil {
		v.tail.head, v.tail.parts = s.head, s.parts[:len(s.parts):len(s.parts)]
		p.tailStart, p.tailBreaks = s.start, s.discontinuity
		p.discontinuity = s.before()
	}
	if len(p.window) > 0 {
		p.discontinuity = p.window[0].before()
	}
	p.tail = v.tail
	if t.target > 0 {
		p.ranges = t.overlapping(r, p)
		p.reports = t.reports(r)
		v.media = newText(renderMedia(p), tag(r.prefix, t.version))
	}
	if old := r.view.Swap(v); old != nil {
		close(old.next)
	}
}

// publishAll does it for all renditions that are or were there. The first comes last: whoever waits for something to
// play waits for its view, and must then find the others.
func (t *timeline) publishAll() {
	for i := len(t.renditions) - 1; i >= 0; i-- {
		if r := &t.renditions[i]; i == 0 || r.listed || r.view.Load() != nil {
			t.publish(r)
		}
	}
}

// reports tell of the other renditions where a player that switches would go on.
func (t *timeline) reports(r *rendition) (out []report) {
	if !r.listed || t.ended {
		return nil
	}
	for i := range t.renditions {
		if o := &t.renditions[i]; o.listed && o != r {
			out = append(out, o.report())
		}
	}
	return out
}

// overlapping are the date ranges that did not end before the window. Those that ended before the lead's are forgotten.
func (t *timeline) overlapping(r *rendition, p page) []DateRange {
	start := p.tailStart
	if len(p.window) > 0 {
		start = p.window[0].start
	}
	kept := make([]DateRange, 0, len(t.ranges))
	for _, d := range t.ranges {
		if d.overlaps(start) {
			kept = append(kept, d)
		}
	}
	if r.track == t.lead {
		t.ranges = kept
	}
	return kept
}

// relist brings the multivariant playlist up to date and reports whether it has changed. That of the run before stays
// until every rendition that is due has a segment to measure, or patience ends.
func (t *timeline) relist() bool {
	if t.target == 0 {
		return false
	}
	news := false
	for i := range t.renditions {
		news = t.renditions[i].measure(i == t.lead) || news
	}
	if t.indexed != t.run {
		if !t.complete() {
			return false
		}
		t.indexed, news = t.run, true
	}
	if news {
		t.reindex()
	}
	return news
}

// complete reports whether the multivariant playlist of the run can be written.
func (t *timeline) complete() bool {
	if !t.renditions[t.lead].ready() {
		return false
	}
	for i := range t.renditions {
		if r := &t.renditions[i]; r.due && !r.ready() && t.through-t.first < indexPatience {
			return false
		}
	}
	return true
}

// reindex writes the multivariant playlist.
func (t *timeline) reindex() {
	var list []entry
	for i := range t.renditions {
		r := &t.renditions[i]
		if r.listed = r.ready(); r.listed {
			list = append(list, entry{mediaFile(i), r.measured})
		}
	}
	t.index = newText(renderIndex(list), tag(t.epoch+"-index", t.version))
}
