package account

import (
	"net"
	"net/http"
	"net/netip"
)

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

// local reports whether it is the server's own machine.
func local(p netip.Prefix) bool { return p.Addr().IsLoopback() || p.Contains(netip.IPv6Loopback()) }
