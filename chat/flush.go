package chat

import (
	"runtime"
	"time"
)

// yieldEvery is how many viewers are served before the processor is offered to
// others: video shares this process.
const yieldEvery = 64

// tick is the time between two frames of conversation. It follows what a frame
// costs here and now, so that a huge room does not starve its neighbours.
func (r *room) tick() time.Duration {
	return min(max(r.pass*tickShare, tickMin), tickMax)
}

// urgentGap is the same for what cannot wait: pins, prices, stock.
func (r *room) urgentGap() time.Duration {
	return min(max(r.pass*2, urgentGap), tickMax)
}

// flushSoon makes sure that what is pending leaves in a frame, at the earliest
// gap after the last one: at once, if the room was quiet.
func (r *room) flushSoon(gap time.Duration) {
	now := time.Now()
	when := r.lastFrame.Add(gap)
	if !when.After(now) {
		r.flush()
		return
	}
	if r.due.IsZero() || when.Before(r.due) {
		r.due = when
		r.timer.Reset(when.Sub(now))
	}
}

// flush makes one frame of everything that is pending and hands it to all.
func (r *room) flush() {
	if r.hushed {
		return
	}
	var events [][]byte
	if entries, ok := r.ring.after(r.flushed); ok {
		for _, e := range entries {
			events = append(events, e.appendTo(nil))
		}
	}
	if r.flushed != r.ring.last {
		r.flushed = r.ring.last
		r.historyJSON = nil
	}
	for _, k := range r.pending {
		if event, ok := r.latest[k]; ok { // else evicted in between
			events = append(events, event)
		}
	}
	r.pending = r.pending[:0]
	if len(r.tally) > 0 {
		events = append(events, appendEvent(nil, "reactions", stamp{}, mustEncode(map[string]any{"counts": r.tally})))
		clear(r.tally)
	}
	if r.sayViewers {
		events = append(events, r.viewersEvent())
		r.sentViewers = r.audience()
		r.lastViewers = time.Now()
		r.sayViewers = false
	}
	if len(events) == 0 {
		return
	}
	r.ring.pushFrame(textFrame(events...))
	r.hub.count.frames.Add(1)
	r.lastFrame = time.Now()
	if !r.due.IsZero() {
		r.timer.Stop()
		r.due = time.Time{}
	}
	r.feedAll()
	r.pass = time.Since(r.lastFrame)
}

func (r *room) viewersEvent() []byte {
	return appendEvent(nil, "viewers", stamp{}, mustEncode(map[string]int64{"count": r.audience()}))
}

func (r *room) feedAll() {
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		r.feed(r.sockets[i])
		if i%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

// feed gives a viewer what it has not got yet, as far as its socket takes it.
// It never waits: a busy socket sends writable when it is through.
func (r *room) feed(v *viewer) {
	for v.slot >= 0 {
		if v.first != nil {
			if !v.out.send(v.first) {
				return
			}
			v.first = nil
		}
		frames, ok := r.ring.framesFrom(v.next)
		if !ok {
			r.drop(v, CloseSlow, "slow")
			return
		}
		var bytes []byte
		taken := len(frames)
		switch {
		case taken == 0 && len(v.queue) == 0:
			return
		case taken == 1 && len(v.queue) == 0:
			bytes = frames[0] // the common case shares the bytes with everybody
		case !v.out.ready():
			return
		default:
			bytes, taken = joined(frames, v.queue)
		}
		if !v.out.send(bytes) {
			return
		}
		r.hub.count.deliveries.Add(int64(taken))
		v.next += uint64(taken)
		if v.next == r.ring.next() {
			v.queue = nil
		}
	}
}

// joined copies frames, up to maxWrite, into one write; after the last of them
// goes one frame with the personal events.
func joined(frames, personal [][]byte) (bytes []byte, taken int) {
	for _, f := range frames {
		if taken > 0 && len(bytes)+len(f) > maxWrite {
			return bytes, taken
		}
		bytes = append(bytes, f...)
		taken++
	}
	if len(personal) > 0 {
		bytes = append(bytes, textFrame(personal...)...)
	}
	return bytes, taken
}

// whisper gives an event to one viewer alone, after all frames so far.
func (r *room) whisper(v *viewer, event []byte) {
	if v.slot < 0 {
		return
	}
	if len(v.queue) >= maxPersonal {
		r.drop(v, CloseSlow, "slow")
		return
	}
	v.queue = append(v.queue, event)
	r.feed(v)
}
