package chat

import (
	"time"

	"souk/internal/api"
)

// A raid is many new guests at once. While one lasts, only people who are
// known may write, and slowly. It begins by itself or by a moderator's hand, and
// ends by time or by hand.

// raided tells whether a raid is on.
func (r *room) raided() bool {
	until := r.law.set.RaidUntil
	return until != nil && until.Std().After(time.Now())
}

// newGuest counts somebody who has never been here, and sees a raid begin or go on.
// Who comes from the server's own machine is a rehearsal and counts only where
// the host has said how many make a raid.
//
// With other nodes they are counted where they stand in the line, so that all
// nodes count the same, and the node with the last one of them declares the raid.
func (r *room) newGuest(p Person) {
	limit := r.law.set.RaidGuests
	switch {
	case limit == 0 || p.Local && limit == raidGuests:
	case r.line != nil && !r.apart:
		r.share(act{Fresh: 1})
	default:
		r.countFresh(1, true)
	}
}

// countFresh counts new guests. declare: a raid that begins with them is this
// node's to declare.
func (r *room) countFresh(n int, declare bool) {
	limit, now := r.law.set.RaidGuests, time.Now()
	if limit == 0 {
		return
	}
	for range n {
		r.law.fresh = append(r.law.fresh, now)
	}
	for len(r.law.fresh) > 0 && now.Sub(r.law.fresh[0]) > raidWindow {
		r.law.fresh = r.law.fresh[1:]
	}
	if int64(len(r.law.fresh)) < limit || now.Before(r.law.peace) {
		return
	}
	if !declare {
		r.law.fresh = nil
		return
	}
	r.law.fresh = nil // the next as many make it last longer
	set := r.law.set
	if !r.raided() {
		r.record(Person{}, Deed{Did: "raid", Detail: mustEncode(map[string]int64{"guests": limit, "seconds": int64(raidLasts / time.Second)})})
	}
	set.RaidUntil = r.raidFor(raidLasts)
	r.settle(set)
}

// raidFor returns the end of a raid that lasts d from now on. Ending one, with
// d = 0, also keeps the next from beginning at once.
func (r *room) raidFor(d time.Duration) *api.Time {
	if d == 0 {
		r.law.fresh, r.law.peace = nil, time.Now().Add(raidPeace)
		return nil
	}
	until := api.At(time.Now().Add(d))
	return &until
}

// endRaid tells everybody when a raid is over.
func (r *room) endRaid(now time.Time) {
	if until := r.law.set.RaidUntil; until != nil && !until.Std().After(now) {
		set := r.law.set
		set.RaidUntil = nil
		r.settle(set)
	}
}

// setRaid is the command `raid`.
func (r *room) setRaid(v *viewer, c command) (outcome, *refusal) {
	if c.Seconds < 0 || c.Seconds > int64(maxRaid/time.Second) {
		return outcome{}, badRequest("seconds is 0 to 3600.")
	}
	set := r.law.set
	set.RaidUntil = r.raidFor(time.Duration(c.Seconds) * time.Second)
	r.record(v.person, Deed{Did: "raid", Detail: mustEncode(map[string]int64{"seconds": c.Seconds})})
	r.settle(set)
	return outcome{durable: true}, nil
}
