package chat

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// maxGone bounds how many who left are told to the bus at once; the others
// expire.
const maxGone = 10_000

// nodeName returns what the other nodes know this hub by.
func (h *Hub) nodeName() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.node == "" {
		h.node = uuid.NewString()
	}
	return h.node
}

// audience is how many people watch: those in the room, without the bus those
// of this node, and those who watch without coming in.
func (r *room) audience() int64 {
	people, outside := r.viewers.Load(), int64(r.hub.outside(r.channel))
	if r.alone.Load() {
		return people + outside
	}
	return max(people, r.total.Load()) + outside
}

// attend notes for the bus who is here, every countEvery.
func (r *room) attend() {
	if r.line == nil || r.sweeps%int(countEvery/sweepEvery) != 0 {
		return
	}
	who := Attendance{Gone: slices.Collect(maps.Keys(r.gone))}
	for id, m := range r.members {
		if m.sockets > 0 {
			who.Here = append(who.Here, id)
		}
	}
	for _, v := range r.sockets {
		if v.member == nil {
			who.Here = append(who.Here, r.seat(v))
		}
	}
	clear(r.gone)
	r.line.attend(who)
}

// left notes that nobody is on v's seat any more.
func (r *room) left(v *viewer) {
	if r.line != nil && len(r.gone) < maxGone {
		r.gone[r.seat(v)] = true
	}
}

// seat is what a viewer is counted by: the person, or else the socket.
func (r *room) seat(v *viewer) string {
	if v.member != nil {
		return v.person.ID
	}
	return r.line.node + "/" + strconv.Itoa(v.nth)
}

// finishLine waits until what was done here has come back, so that this node
// can store it, but not for long.
func (r *room) finishLine() {
	if r.line == nil {
		return
	}
	limit := time.NewTimer(stopWait)
	defer limit.Stop()
	for !r.apart && !r.line.idle() {
		select {
		case m := <-r.inbox:
			m.deliver(r)
		case <-limit.C:
			return
		}
	}
	if n := len(r.line.pending()); n > 0 {
		r.hub.Logger.Error("a room ends without the other nodes; what was said meanwhile is lost", "channel", r.channel, "acts", n)
	}
}

// seal declares the log complete, which of several nodes none can do.
func (r *room) seal(ctx context.Context) {
	if r.line == nil {
		r.scribe.seal(ctx, r.ring.last)
	}
}

// facts are what a state says beside its entries; nothing, if it is empty.
func (s State) facts() Batch {
	if s.Epoch == "" {
		return Batch{}
	}
	return Batch{Sanctions: s.Sanctions, Settings: &s.Settings, Questions: s.Questions, Letters: s.Letters, Held: s.Held}
}
