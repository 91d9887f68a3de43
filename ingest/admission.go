package ingest

import (
	"errors"
	"net"
	"net/netip"
	"sync"
)

// How many connections there may be at a time.
const (
	DefaultConnections = 1024
	DefaultPerAddress  = 64
)

var errCrowded = errors.New("ingest: made room for a newer connection")

// gate knows the connections that are open.
type gate struct {
	mu   sync.Mutex
	open map[*session]struct{} // guarded by mu
}

// admit lets a connection in. Where a limit is reached, in all or for its
// address, the oldest connection that publishes nothing gives way: encoders are
// through that phase within a second, so a flood of idle sockets pushes itself
// out. It reports false when there is no such connection.
func (s *Server) admit(se *session) bool {
	limit, perAddress := s.MaxConnections, s.MaxPerAddress
	if limit == 0 {
		limit = DefaultConnections
	}
	if perAddress == 0 {
		perAddress = DefaultPerAddress
	}

	g := &s.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	var all, same crowd
	for other := range g.open {
		if other.Err() != nil {
			continue // on its way out
		}
		all.add(other)
		if other.address == se.address {
			same.add(other)
		}
	}
	if full := same; same.size >= perAddress || all.size >= limit {
		if same.size < perAddress {
			full = all
		}
		if full.oldest == nil {
			s.tally.crowded.Add(1)
			s.log().Warn("connection refused: all others are publishing", "remote", se.remote, "others", full.size)
			return false
		}
		s.tally.crowded.Add(1)
		full.oldest.Cut(errCrowded)
	}
	if g.open == nil {
		g.open = make(map[*session]struct{})
	}
	g.open[se] = struct{}{}
	return true
}

// crowd is a number of connections and who of them would have to go first.
type crowd struct {
	size   int
	oldest *session // of those that do not publish
}

func (c *crowd) add(se *session) {
	c.size++
	if !se.publishes.Load() && (c.oldest == nil || se.since.Before(c.oldest.since)) {
		c.oldest = se
	}
}

func (g *gate) leave(se *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, se)
}

func (g *gate) count() (all, publishing int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for se := range g.open {
		if se.publishes.Load() {
			publishing++
		}
	}
	return len(g.open), publishing
}

// addressOf is whom to count a connection for: the address, or what one
// subscriber usually gets of IPv6. Addresses that are none are counted together.
func addressOf(a net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	addr := ap.Addr().Unmap()
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	p, _ := addr.WithZone("").Prefix(bits)
	return p
}
