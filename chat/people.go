package chat

import "time"

// viewer is one socket in the room. The room's goroutine owns it, but for out.
type viewer struct {
	person Person
	member *member // nil for a reader
	out    *outlet
	first  []byte    // a frame that goes before all others; nil: none
	next   uint64    // position of the frame to be sent next
	queue  [][]byte  // personal events that wait for the socket
	slot   int       // in room.sockets; -1: not in the room any more
	stuck  time.Time // since when its socket has kept it behind; zero: it has not
	phase  int       // in which sweep it is pinged
	packs  bool      // takes compressed frames
	nth    int       // among all who ever came
}

// member is a person in the room, over all sockets, and for a while after the
// last one left: coming back must not refill what was used up.
type member struct {
	person  Person
	sockets int
	say     bucket
	hit     bucket // reactions
	said    time.Time
	left    time.Time // when the last socket did
	devices []string  // a guest's, the newest last
	texts   []said    // what they said lately
}

func (m *member) forgettable(now time.Time, slow time.Duration) bool {
	return m.sockets == 0 && m.say.full(now) && m.hit.full(now) && now.Sub(m.said) >= slow && !m.traced(now)
}

// traced tells whether a ban that comes late still needs to know where a guest
// came from.
func (m *member) traced(now time.Time) bool {
	return (m.person.Network != "" || len(m.devices) > 0) && !m.said.IsZero() && now.Sub(m.left) < traceKept
}

// bucket limits a rate: burst at once, then one per interval. It keeps the
// moment from which on it is full again, which is all there is to know. The
// zero bucket is full.
type bucket struct{ fullAt time.Time }

func (b *bucket) full(now time.Time) bool { return !b.fullAt.After(now) }

// take uses up one and returns 0, or returns how long to wait.
func (b *bucket) take(now time.Time, burst int, every time.Duration) time.Duration {
	if b.full(now) {
		b.fullAt = now
	}
	if wait := b.fullAt.Sub(now) - time.Duration(burst-1)*every; wait > 0 {
		return wait
	}
	b.fullAt = b.fullAt.Add(every)
	return 0
}

// add takes a viewer into the room.
func (r *room) add(v *viewer) {
	v.slot = len(r.sockets)
	v.next = r.ring.next()
	r.joins++
	v.phase = r.joins % pingPhases
	v.nth = r.joins
	r.sockets = append(r.sockets, v)
	r.hub.came(v.person.Session)
	if v.person.ID != "" {
		v.member = r.member(v.person)
		v.member.sockets++
	}
	if v.member == nil || v.member.sockets == 1 {
		r.viewers.Add(1)
	}
}

// member returns what the room knows of a person, brought up to date.
func (r *room) member(p Person) *member {
	m := r.members[p.ID]
	if m == nil {
		m = &member{}
		r.members[p.ID] = m
	}
	m.person = p
	m.seen(p.Device)
	return m
}

// forget lets go of people who left and could do nothing they cannot do anew.
func (r *room) forget(now time.Time) {
	slow, crowded := r.slowness(), len(r.members) > maxMembers
	for id, m := range r.members {
		if m.forgettable(now, slow) || crowded && m.sockets == 0 {
			delete(r.members, id)
		}
	}
}

// remove takes a viewer out; again is no harm.
func (r *room) remove(v *viewer) {
	if v.slot < 0 {
		return
	}
	last := r.sockets[len(r.sockets)-1]
	r.sockets[v.slot], last.slot = last, v.slot
	r.sockets[len(r.sockets)-1] = nil
	r.sockets = r.sockets[:len(r.sockets)-1]
	if r.ahead > 0 && last.next != r.ring.next() {
		r.ahead = len(r.sockets) // it may have left the way of the pass
	}
	v.slot = -1
	v.queue = nil
	r.hub.went(v.person.Session)
	if v.member != nil {
		if v.member.sockets--; v.member.sockets == 0 {
			v.member.left = time.Now()
		}
	}
	if v.member == nil || v.member.sockets == 0 {
		r.viewers.Add(-1)
		r.left(v)
	}
}

// drop removes a viewer and closes its socket with a code.
func (r *room) drop(v *viewer, code int, reason string) {
	switch code {
	case CloseSlow:
		r.hub.count.slow.Add(1)
	case CloseBanned:
		r.hub.count.banned.Add(1)
	}
	r.remove(v)
	v.out.finish(code, reason)
}

// closeAll empties the room.
func (r *room) closeAll(code int, reason string) {
	for len(r.sockets) > 0 {
		r.drop(r.sockets[len(r.sockets)-1], code, reason)
	}
}
