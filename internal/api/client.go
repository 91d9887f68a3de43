package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Client is the network that a request comes from: one IPv4 address or an IPv6
// /64, the size that one household gets. It is not valid for what is no address.
func Client(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // bits fit the address family
	return p
}

// Own reports whether a client is on the server's own machine.
func Own(client netip.Prefix) bool {
	return client.Addr().IsLoopback() || client.Contains(netip.IPv6Loopback())
}

// Base is where links point that leave the page (into a picture, a mail, another
// site): the public address, or without one the name that the request came by.
// It ends without a slash.
func Base(public string, r *http.Request) string {
	switch {
	case public != "":
		return strings.TrimRight(public, "/")
	case r.TLS != nil:
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
