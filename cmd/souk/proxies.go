package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// maxForwarded bounds how many hops of X-Forwarded-For are read, from the end.
const maxForwarded = 16

// parseProxies reads a list of networks, "10.0.0.0/8, 192.0.2.7".
func parseProxies(list string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			a, bad := netip.ParseAddr(word)
			if bad != nil {
				return nil, fmt.Errorf("%q is no network, as in 10.0.0.0/8", word)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// behindProxies makes RemoteAddr the client's own address where a trusted proxy
// names it, so that limits by address count people and not the proxy. Of
// X-Forwarded-For only the part that trusted proxies wrote is believed: from
// the end to the first address that is not one of them.
func behindProxies(trusted []netip.Prefix, next http.Handler) http.Handler {
	ours := func(a netip.Addr) bool {
		for _, p := range trusted {
			if p.Contains(a.Unmap()) {
				return true
			}
		}
		return false
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header["X-Forwarded-For"] == nil {
			next.ServeHTTP(w, r)
			return
		}
		host, port, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		at, err := netip.ParseAddr(host)
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(hops) - 1; err == nil && i >= max(0, len(hops)-maxForwarded) && ours(at); i-- {
			before, bad := netip.ParseAddr(strings.TrimSpace(hops[i]))
			if bad != nil {
				break
			}
			at = before
		}
		if err == nil {
			r.RemoteAddr = net.JoinHostPort(at.Unmap().String(), port)
		}
		next.ServeHTTP(w, r)
	})
}
