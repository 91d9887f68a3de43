package handover

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// errAddress: the name leads somewhere that is no business of a merchant's.
var errAddress = errors.New("handover: address is not public")

// reserved are the networks that pass for global unicast in [netip.Addr] and
// are not the public internet: the special-purpose registries of IANA
// (RFC 6890), and the ways to write an IPv4 address as an IPv6 one.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10",
)

func prefixes(all ...string) (out []netip.Prefix) {
	for _, p := range all {
		out = append(out, netip.MustParsePrefix(p))
	}
	return out
}

// public tells whether an address is on the public internet: not private, not
// this machine, not the link, where the metadata of clouds are, and not reserved.
func public(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// check is the Control of the dialer: it sees each address after the name was
// resolved and before anything is sent to it, so a name that resolves to
// something else the second time gains nothing.
func (p *Poster) check(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.Join(errAddress, err)
	}
	if public(at.Addr()) || p.Loopback && at.Addr().Unmap().IsLoopback() {
		return nil
	}
	return errAddress
}

// dialer connects to what check lets through.
func (p *Poster) dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, Control: p.check}
}
