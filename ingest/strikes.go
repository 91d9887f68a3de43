package ingest

import (
	"net/netip"
	"sync"
	"time"
)

// How many wrong keys an address may send. OBS tries again ever more slowly and
// stays below that; a script without pauses, or somebody who guesses, does not.
const (
	strikeBurst  = 20              // in a row
	strikeRefill = 3 * time.Second // for one more
	// strikeTrust is how long an address that sent a right key is let in
	// whatever else it sends: a show may share it with a forgotten encoder.
	strikeTrust = 10 * time.Minute
	// maxStruck is how many addresses are remembered.
	maxStruck = 4096
)

// strikes counts the wrong keys of each address. One that has too many gets its
// connections closed before the handshake, which costs next to nothing.
type strikes struct {
	mu        sync.Mutex
	addresses map[netip.Prefix]*record // guarded by mu
}

type record struct {
	wrong   float64 // strikes, less those that time has healed
	at      time.Time
	trusted time.Time // when a right key came last
}

// wrong notes a wrong key and reports whether it was the last one allowed.
func (s *strikes) wrong(from netip.Prefix, now time.Time) (last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.record(from, now)
	r.wrong++
	return r.barred(now)
}

// right notes a right key.
func (s *strikes) right(from netip.Prefix, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(from, now).trusted = now
}

// barred reports whether the address has to wait.
func (s *strikes) barred(from netip.Prefix, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.addresses[from]
	if r == nil {
		return false
	}
	r.heal(now)
	return r.barred(now)
}

// record returns the address's record, healed. The caller holds mu.
func (s *strikes) record(from netip.Prefix, now time.Time) *record {
	if r := s.addresses[from]; r != nil {
		r.heal(now)
		return r
	}
	if len(s.addresses) >= maxStruck {
		s.forget(now)
	}
	if s.addresses == nil {
		s.addresses = make(map[netip.Prefix]*record)
	}
	r := &record{at: now}
	s.addresses[from] = r
	return r
}

// forget makes room, for many so that it is seldom needed: what says nothing any
// more goes, and else anything.
func (s *strikes) forget(now time.Time) {
	for from, r := range s.addresses {
		if r.heal(now); r.wrong == 0 && !r.trusts(now) {
			delete(s.addresses, from)
		}
	}
	for from := range s.addresses {
		if len(s.addresses) < maxStruck*3/4 {
			return
		}
		delete(s.addresses, from)
	}
}

func (r *record) heal(now time.Time) {
	r.wrong = max(0, r.wrong-now.Sub(r.at).Seconds()/strikeRefill.Seconds())
	r.at = now
}

func (r *record) trusts(now time.Time) bool {
	return !r.trusted.IsZero() && now.Sub(r.trusted) < strikeTrust
}

func (r *record) barred(now time.Time) bool {
	return r.wrong > strikeBurst-1 && !r.trusts(now)
}
