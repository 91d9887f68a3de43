package chat

import (
	"runtime"
	"time"
)

// yieldEvery is how many viewers are served before the processor is offered to
// others (video shares this process) and the room looks at its inbox.
const yieldEvery = 64

// tick is the time between two frames of conversation. It follows what a frame
// costs here and now: in a small room it is not noticed; until tickEnough,
// which people do not notice either, it keeps the conversation to a small part
// of one processor; in a huge room it keeps it to tickLoad of all.
func (r *room) tick() time.Duration {
	pass := r.passTime()
	t := max(min(pass*tickShare, tickEnough), r.spread(pass, tickLoad))
	return min(max(t, tickMin), tickMax)
}

// urgentGap is the time between two frames that cannot wait: pins, prices, stock.
func (r *room) urgentGap() time.Duration {
	return min(max(r.spread(r.passTime(), urgentLoad), urgentGap), tickMax)
}

// spread is how often a pass may begin that is to take percent of all processors.
func (r *room) spread(pass time.Duration, percent int) time.Duration {
	return max(pass*100/time.Duration(percent*r.processors), pass)
}

// passTime is how long it takes to write to everybody.
func (r *room) passTime() time.Duration { return r.writeCost * time.Duration(len(r.sockets)) }

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

// flush makes one frame of everything that is pending and begins to hand it
// out. The loop goes on with that, and with other things in between.
func (r *room) flush() {
	if r.hushed {
		return
	}
	f := &frame{before: r.flushed}
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
			f.values = append(f.values, k)
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
	r.lastFrame = time.Now()
	f.plain, f.made = textFrame(events...), r.lastFrame
	r.ring.pushFrame(f)
	r.hub.count.frames.Add(1)
	if !r.due.IsZero() {
		r.timer.Stop()
		r.due = time.Time{}
	}
	r.ahead = len(r.sockets)
}

// flushNow is flush, but returns when everybody has got what their sockets take.
func (r *room) flushNow() {
	r.flush()
	for r.ahead > 0 {
		r.feedSome()
	}
}

func (r *room) viewersEvent() []byte {
	return appendEvent(nil, "viewers", stamp{}, mustEncode(map[string]int64{"count": r.audience()}))
}

// feedSome serves the next few viewers of a pass and yields. A pass goes
// around: whoever is still ahead of it when another frame is made gets both in
// one write, and nobody waits for the end of the pass before it.
func (r *room) feedSome() {
	began, written := time.Now(), 0
	for n := 0; n < yieldEvery && r.ahead > 0 && len(r.sockets) > 0; n++ {
		if r.served--; r.served < 0 || r.served >= len(r.sockets) {
			r.served = len(r.sockets) - 1
		}
		r.ahead--
		written += r.feed(r.sockets[r.served])
	}
	if len(r.sockets) == 0 {
		r.ahead = 0
	}
	if written > 0 {
		cost := time.Since(began) / time.Duration(written)
		r.writeCost += (cost - r.writeCost) / costMemory
	}
	runtime.Gosched()
}

// feed gives a viewer what it has not got yet, as far as its socket takes it,
// and returns in how many writes. It never waits: a busy socket sends writable
// when it is through.
func (r *room) feed(v *viewer) (writes int) {
	for v.slot >= 0 {
		if v.first != nil {
			if !v.out.send(v.first) {
				v.stick()
				return writes
			}
			v.first = nil
			writes++
		}
		frames, ok := r.ring.framesFrom(v.next)
		if !ok {
			r.drop(v, CloseSlow, "slow")
			return writes
		}
		var bytes []byte
		taken := len(frames)
		switch {
		case taken == 0 && len(v.queue) == 0:
			return writes
		case taken == 1 && len(v.queue) == 0:
			bytes = frames[0].bytes(v.packs) // the common case shares the bytes with everybody
		case !v.out.ready():
			v.stick()
			return writes
		case taken > 0 && v.slow() && time.Since(frames[0].made) > thinAfter:
			if bytes, ok = r.catchUp(v, frames); !ok {
				r.drop(v, CloseSlow, "slow")
				return writes
			}
		default:
			bytes, taken = r.joined(v, frames)
		}
		if !v.out.send(bytes) {
			v.stick()
			return writes
		}
		writes++
		r.hub.count.deliveries.Add(int64(taken))
		v.next += uint64(taken)
		if v.next == r.ring.next() {
			v.queue, v.stuck = nil, time.Time{}
		}
	}
	return writes
}

// joined puts frames, up to maxWrite, into one write; after the last of them
// goes one frame with v's personal events. Viewers who lag by the same frames
// share the copy.
func (r *room) joined(v *viewer, frames []*frame) (bytes []byte, taken int) {
	copied := &r.copies[0]
	if v.packs {
		copied = &r.copies[1]
	}
	if len(frames) > 0 && (copied.from != v.next || copied.to != r.ring.next() || copied.taken == 0) {
		*copied = joinedCopy{from: v.next, to: r.ring.next()}
		for _, f := range frames {
			b := f.bytes(v.packs)
			if copied.taken > 0 && len(copied.bytes)+len(b) > maxWrite {
				break
			}
			copied.bytes = append(copied.bytes, b...)
			copied.taken++
		}
	}
	if len(frames) > 0 {
		bytes, taken = copied.bytes, copied.taken
	}
	if taken == len(frames) && len(v.queue) > 0 {
		bytes = append(bytes[:len(bytes):len(bytes)], textFrame(v.queue...)...)
	}
	return bytes, taken
}

// joinedCopy is the frames from one position to another in one piece.
type joinedCopy struct {
	from, to uint64
	bytes    []byte
	taken    int // frames in it; 0: it holds nothing
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
