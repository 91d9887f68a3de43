package hls

import "time"

// The lead's key frames cut the segments: each cut is a slot, with one sequence number for all. The other renditions
// follow the slots, whatever their own key frames and drops. A part that is ahead of the lead waits until the lead has
// got there, which among tracks of one encoder is a matter of milliseconds.

// settle puts the parts that wait where they belong and shows what has changed.
func (t *timeline) settle() {
	var changed [maxTracks]bool
	for _, r := range t.advance() {
		changed[r.track] = true
	}
	t.chooseTarget()
	if t.relist() {
		t.publishAll()
		return
	}
	for i := range t.renditions {
		if changed[i] {
			t.publish(&t.renditions[i])
		}
	}
}

// advance places what can be placed and returns the renditions that have changed.
func (t *timeline) advance() (changed []*rendition) {
	for _, r := range t.all() {
		n := 0
		for n < len(r.waiting) && t.place(r, r.waiting[n]) {
			n++
		}
		r.waiting = r.waiting[n:]
		done := r.filling != nil && r.over(r.filling.slot)
		if done {
			r.commit(t.target)
		}
		if n > 0 || done {
			changed = append(changed, r)
		}
	}
	return changed
}

// past reports whether a part lies behind a slot: by its key frame, or else by the greater part of it.
func (r *rendition) past(s *slot, at time.Duration, p piece) bool {
	if r.fresh {
		return s.closed && at >= s.stop-slotSlack
	}
	return s.closed && at+p.duration/2 >= s.stop
}

// over reports whether the rendition has everything of a slot.
func (r *rendition) over(s *slot) bool {
	if r.fresh {
		return s.closed && r.through >= s.stop-slotSlack
	}
	return s.closed && r.through >= s.stop-gridTolerance
}

// place puts one part into its slot. It reports false if the lead has not got far enough to tell which one that is.
func (t *timeline) place(r *rendition, p dated) bool {
	at := r.through // durations are exact where the times of single frames may be out of order
	if r.fresh {
		at = p.present
	}
	leads := r.track == t.lead
	if s := r.filling; s != nil {
		long := s.duration+p.duration > t.segmentLimit()
		switch {
		case r.past(s.slot, at, p.piece), s.closed && long:
			r.commit(t.target)
		case s.closed:
		case leads && long:
			t.closeSlot(at)
			r.commit(t.target)
		case leads:
		case at > t.through-slotSlack:
			return false
		case long:
			r.commit(t.target)
		}
	}
	if r.filling == nil {
		s, known := t.slotFor(r, at, p)
		if !known {
			return false
		}
		if s == nil { // between two slots, and no key frame to join at
			r.pass(at, p.piece)
			return true
		}
		r.start(s, at, t.between(r.next, s.msn), t.target)
	}
	r.append(p.piece)
	r.pass(at, p.piece)
	if !leads {
		return true
	}
	t.through = max(t.through, r.through)
	s := r.filling
	if !s.closed && (p.last || s.duration+partTarget > t.segmentLimit()) {
		t.closeSlot(r.through)
	}
	if r.over(s.slot) {
		r.commit(t.target)
	}
	return true
}

// slotFor is the slot in which a rendition goes on, or joins the run: nil if the part belongs to none, and not known
// if that is still to be seen.
func (t *timeline) slotFor(r *rendition, at time.Duration, p dated) (s *slot, known bool) {
	leads := r.track == t.lead
	if !r.joined {
		return t.entry(r, at, p)
	}
	s = t.slot(r.next)
	for s != nil && r.past(s, at, p.piece) { // nothing came for it
		s = t.slot(s.msn + 1)
	}
	switch {
	case s == nil && leads:
		return t.openSlot(at, p.at), true
	case s == nil, !leads && !s.closed && at > t.through-slotSlack:
		return nil, false
	}
	return s, true
}

// entry is the slot at whose key frame a rendition joins the run.
func (t *timeline) entry(r *rendition, at time.Duration, p dated) (s *slot, known bool) {
	leads, begun := r.track == t.lead, false
	for _, s := range t.slots {
		if s.run != t.run {
			continue
		}
		begun = true
		if off := at - s.at; r.fresh && p.independent && off <= slotSlack && off >= -slotSlack {
			return s, true
		}
	}
	switch {
	case leads && (!begun || p.independent && at > t.through-slotSlack):
		return t.openSlot(at, p.at), true
	case !begun || at > t.through-slotSlack && !leads:
		return nil, false
	}
	return nil, true
}

// slot returns a slot of the current run.
func (t *timeline) slot(msn uint64) *slot {
	if len(t.slots) == 0 || msn < t.slots[0].msn || msn >= t.next {
		return nil
	}
	if s := t.slots[msn-t.slots[0].msn]; s.run == t.run {
		return s
	}
	return nil
}

// between are the slots from, and in front of, these numbers, or nil if not all of them are known.
func (t *timeline) between(from, to uint64) []*slot {
	if len(t.slots) == 0 || from < t.slots[0].msn || from >= to {
		return nil
	}
	return t.slots[from-t.slots[0].msn : to-t.slots[0].msn]
}

// openSlot starts a slot at a key frame of the lead.
func (t *timeline) openSlot(at time.Duration, date time.Time) *slot {
	t.closeSlot(at)
	s := &slot{msn: t.next, run: t.run, at: at, date: date, discontinuity: t.breaking}
	if t.breaking {
		t.breaks++
		t.breaking = false
	}
	s.breaks = t.breaks
	if n := len(t.slots); n == 0 || t.slots[n-1].run != t.run {
		t.first = at
	}
	t.next++
	if len(t.slots) >= maxSlots {
		t.slots = t.slots[len(t.slots)-maxSlots+1:]
	}
	t.slots = append(t.slots, s)
	return s
}

// closeSlot ends the newest slot. A slot that has ended can only turn out shorter, when the next one starts.
func (t *timeline) closeSlot(at time.Duration) {
	if n := len(t.slots); n > 0 && t.slots[n-1].run == t.run {
		if s := t.slots[n-1]; !s.closed || at < s.stop {
			s.stop, s.closed = max(at, s.at), true
		}
	}
}
