package chat

import (
	"slices"
	"time"
)

// Visit is since when a guest has been coming to a room.
type Visit struct {
	Person string
	Since  time.Time
}

const badgeBuyer = "buyer"

// known tells whether p is more than a name made up just now: somebody with an
// account, with a role, who has paid, or who first came a while ago.
func (p Person) known(now time.Time) bool {
	return !p.Guest || len(p.Roles) > 0 || slices.Contains(p.Badges, badgeBuyer) ||
		!p.Since.IsZero() && now.Sub(p.Since) >= knownAfter
}

// bought tells whether p has paid for something here.
func (p Person) bought() bool { return slices.Contains(p.Badges, badgeBuyer) }

// greet remembers a guest who comes for the first time.
func (r *room) greet(p *Person) {
	if !p.Guest {
		return
	}
	if m := r.members[p.ID]; m != nil && !m.person.Since.IsZero() {
		p.Since = m.person.Since // the database may not have it yet
	}
	if !p.Since.IsZero() {
		return
	}
	now := time.Now()
	p.Since = now.UTC().Truncate(time.Millisecond)
	r.note(Batch{Visits: []Visit{{p.ID, p.Since}}})
	if !p.known(now) {
		r.newGuest(*p)
	}
}

// Know tells a channel's room that somebody's roles or badges are others now:
// what they may do and how they are shown changes at once, on every node. Of p
// only ID, Roles and Badges are of account.
func (h *Hub) Know(channel string, p Person) {
	h.post(channel, inRoom(func(r *room) {
		r.know(p)
		r.share(act{Person: &p})
	}))
}

func (r *room) know(p Person) {
	m := r.members[p.ID]
	if m == nil {
		return // not here; a later join brings it
	}
	bring := func(to *Person) { to.Roles, to.Badges = p.Roles, p.Badges }
	if shown := youAre(m.person); slices.Equal(shown.Roles, list(p.Roles)) && slices.Equal(shown.Badges, list(p.Badges)) {
		return
	}
	bring(&m.person)
	event := appendEvent(nil, "you", stamp{}, mustEncode(youAre(m.person)))
	for i := len(r.sockets) - 1; i >= 0; i-- { // from the end: dropping a viewer moves the last one
		if v := r.sockets[i]; v.person.ID == p.ID {
			bring(&v.person)
			r.whisper(v, event)
		}
	}
}
