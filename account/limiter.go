package account

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// maxLimited bounds the addresses remembered; past it the fullest buckets are
// forgotten, which only ever errs towards letting people in.
const maxLimited = 10_000

// limiter is a token bucket per address. The zero bucket is full.
type limiter struct {
	burst int
	every time.Duration // one token comes back

	mu   sync.Mutex // guards full
	full map[netip.Prefix]time.Time
}

// take spends a token of r's address, or says how long until there is one.
func (l *limiter) take(r *http.Request) (wait time.Duration, ok bool) {
	key := address(r)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full == nil || len(l.full) >= maxLimited {
		l.forget(now)
	}
	// A bucket is the moment at which it will be full again.
	at := l.full[key]
	if at.Before(now) {
		at = now
	}
	at = at.Add(l.every)
	if over := at.Sub(now) - time.Duration(l.burst)*l.every; over > 0 {
		return over, false
	}
	l.full[key] = at
	return 0, true
}

func (l *limiter) forget(now time.Time) {
	kept := map[netip.Prefix]time.Time{}
	for k, at := range l.full {
		if at.After(now) && len(kept) < maxLimited/2 {
			kept[k] = at
		}
	}
	l.full = kept
}

// address is the client's network: one IPv4 address or an IPv6 /64, the size
// that one household gets.
func address(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // bits fit the address family
	return p
}
