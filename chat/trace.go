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
//   - the network, known by a hash: guests whom nobody knows yet may only read,
//     as the banned one may be among them, and so may a whole city behind one
//     address. It holds for an hour.
//
// Neither touches people with an account or a role.

// barred tells whether p may not come in at all.
func (r *room) barred(p Person) bool {
	if s, ok := r.sanctions[p.ID]; ok && s.Until.IsZero() && !p.runs() {
		return true
	}
	_, device := r.law.devices[p.Device]
	return device && p.Device != "" && p.Guest && len(p.Roles) == 0
}

// held returns how much longer p may not send because of their network.
func (r *room) held(p Person, now time.Time) time.Duration {
	if p.Network == "" || p.known(now) {
		return 0
	}
	return max(0, r.law.networks[p.Network].Sub(now))
}

// traces adds to a ban what is known of where the person comes from.
func (r *room) traces(s *Sanction) {
	m := r.members[s.Person]
	if m == nil || !m.person.Guest {
		return
	}
	s.Devices = slices.Clone(m.devices)
	if m.person.Network != "" {
		s.Network = m.person.Network
		s.NetworkUntil = time.Now().Add(networkHold).UTC().Truncate(time.Millisecond)
	}
}

// indexTraces makes what barred and held look things up in.
func (r *room) indexTraces() {
	r.law.devices, r.law.networks = map[string]string{}, map[string]time.Time{}
	for _, s := range r.sanctions {
		for _, d := range s.Devices {
			r.law.devices[d] = s.Person
		}
		if s.Network != "" && s.NetworkUntil.After(r.law.networks[s.Network]) {
			r.law.networks[s.Network] = s.NetworkUntil
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
