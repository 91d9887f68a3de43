package chat

import (
	"slices"
	"time"
)

// A ban holds the person, wherever they come from. A guest can throw the person
// away and be another one, so a guest's ban holds two more things:
//
//   - the device, known by a cookie: whoever comes as a guest from there is
//     the banned one. It holds as long as the ban.
//   - the network, known by a hash: the banned one may be among the guests who
//     come from there after the ban, and so may a whole city behind one
//     address. So nobody is silenced for it: what they say waits for a moderator
//     (review.go), who lets the first of it through and with it the person.
//
// Who was here before the ban, whose browser was, who has paid, has an account or
// a role is not concerned.

// hold is a network from which somebody was banned.
type hold struct{ since, until time.Time }

// heldBack returns how much longer what p says must be read first because of
// the network they come from.
func (r *room) heldBack(p Person, now time.Time) time.Duration {
	if p.Network == "" || p.known(now) || r.law.vouched[p.ID] {
		return 0
	}
	h := r.law.networks[p.Network]
	if !p.Since.IsZero() && p.Since.Before(h.since) || !p.DeviceSince.IsZero() && p.DeviceSince.Before(h.since) {
		return 0
	}
	left := h.until.Sub(now)
	if !p.Since.IsZero() {
		left = min(left, p.Since.Add(knownAfter).Sub(now)) // then they are known
	}
	return max(0, left)
}

// traces adds to a ban what is known of where the person comes from.
func (r *room) traces(s *Sanction) {
	m := r.members[s.Person]
	if m == nil || !m.person.Guest {
		return
	}
	s.Devices = slices.Clone(m.devices)
	if m.person.Network != "" {
		lasts := networkHold
		if r.from(m.person.Network) >= crowdedFrom {
			lasts = crowdHold // the more people share it, the less it says about who somebody is
		}
		s.Network = m.person.Network
		s.NetworkUntil = s.At.Add(lasts)
	}
}

// from returns how many people are here from a network.
func (r *room) from(network string) int {
	n := 0
	for _, m := range r.members {
		if m.sockets > 0 && m.person.Network == network {
			n++
		}
	}
	return n
}

// indexTraces makes what sanctions and holds are looked up in.
func (r *room) indexTraces() {
	r.law.devices, r.law.networks = map[string]string{}, map[string]hold{}
	now := time.Now()
	for _, s := range r.sanctions {
		if !s.holds(now) {
			continue
		}
		for _, d := range s.Devices {
			if old, ok := r.sanctions[r.law.devices[d]]; !ok || old.Kind != Ban {
				r.law.devices[d] = s.Person
			}
		}
		if s.Network != "" && s.NetworkUntil.After(r.law.networks[s.Network].until) {
			r.law.networks[s.Network] = hold{s.At, s.NetworkUntil}
		}
	}
}

// seen notes the device of a member.
func (m *member) seen(device string) {
	if device != "" && !slices.Contains(m.devices, device) {
		m.devices = append(m.devices, device)
		m.devices = m.devices[max(0, len(m.devices)-maxDevices):]
	}
}
