package chat

import "time"

// A viewer whose socket has kept it behind for thinAfter is not sent all that it
// missed: its line is slow, and what was said would come later and later. (Who
// is behind because the room itself is late gets everything.) What it gets depends on the class of an event:
//
//   - facts (pins, prices, deletions, whatever has a number and was not said by a
//     person) all come, in order;
//   - of the values that changed meanwhile it gets the newest;
//   - of what people said it gets the last thinKept, and a `gap` event for each run
//     of numbers that were left out;
//   - reactions are not sent;
//   - what is for this person alone follows as always: feed keeps it in v.queue.

// catchUp makes one frame of all that v has missed, or returns false when the
// room does not know it any more, or it is too much.
func (r *room) catchUp(v *viewer, missed []*frame) ([]byte, bool) {
	from := missed[0].before
	entries, ok := r.ring.after(from)
	if !ok || from > r.flushed {
		return nil, false
	}
	entries = entries[:r.flushed-from] // the rest is in the next frame
	events, left := thinned(entries)
	for _, k := range values(missed) {
		if event, ok := r.latest[k]; ok {
			events = append(events, event)
		}
	}
	events = append(append(events, r.viewersEvent()), v.queue...)
	size := 0
	for _, e := range events {
		size += len(e)
	}
	if size > maxCatchUp {
		return nil, false
	}
	if left > 0 {
		r.hub.count.thinned.Add(1)
	}
	f := frame{plain: textFrame(events...)}
	return f.bytes(v.packs), true
}

// thinned returns the events of entries without the older talk, and how much was left out.
func thinned(entries []Entry) (events [][]byte, left int) {
	spare := -thinKept
	for _, e := range entries {
		if e.spoken() {
			spare++
		}
	}
	var gapFrom int64
	gap := func(to int64) {
		if gapFrom > 0 {
			events = append(events, appendEvent(nil, "gap", stamp{}, mustEncode(map[string]int64{"from": gapFrom, "to": to})))
			gapFrom = 0
		}
	}
	for _, e := range entries {
		if e.spoken() && left < spare {
			if left++; gapFrom == 0 {
				gapFrom = e.Seq
			}
			continue
		}
		gap(e.Seq - 1)
		events = append(events, e.appendTo(nil))
	}
	if len(entries) > 0 {
		gap(entries[len(entries)-1].Seq)
	}
	return events, left
}

// values returns the keys of the values in frames, each once.
func values(frames []*frame) (all []latestKey) {
	seen := map[latestKey]bool{}
	for _, f := range frames {
		for _, k := range f.values {
			if !seen[k] {
				seen[k] = true
				all = append(all, k)
			}
		}
	}
	return all
}

// stick notes that the socket takes nothing.
func (v *viewer) stick() {
	if v.stuck.IsZero() {
		v.stuck = time.Now()
	}
}

func (v *viewer) slow() bool { return !v.stuck.IsZero() && time.Since(v.stuck) > thinAfter }

// thinAfter is how old what a viewer gets may be before it is thinned.
const thinAfter = 2 * time.Second
