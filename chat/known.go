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
		r.newGuest(now)
	}
}
