package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// What a proxy may take to introduce a connection. Section numbers are those of
// the PROXY protocol specification, versions 1 and 2.
const (
	proxyTimeout = 5 * time.Second
	maxProxyLine = 107     // version 1, section 2.1
	maxProxyBody = 4 << 10 // version 2: addresses and extensions
)

var errProxy = errors.New("ingest: no PROXY header from a proxy")

// proxySignature begins a header of version 2, section 2.2. Nothing of version
// 1 is shorter.
var proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// viaProxy reports whether the connection comes from one of the proxies.
func (s *Server) viaProxy(socket net.Conn) bool {
	from, err := netip.ParseAddrPort(socket.RemoteAddr().String())
	if err != nil {
		return false
	}
	for _, proxy := range s.Proxies {
		if proxy.Contains(from.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// introduced reads the header that a proxy sends first, and returns whom the
// connection is from: the proxy itself when it says so, as for a health check.
// Not a byte behind the header is read. Under TLS the header comes before the
// handshake, in the clear.
func introduced(socket net.Conn) (net.Addr, error) {
	raw := socket
	if wrapped, ok := socket.(interface{ NetConn() net.Conn }); ok {
		raw = wrapped.NetConn()
	}
	raw.SetReadDeadline(time.Now().Add(proxyTimeout))
	from, err := readProxyHeader(raw)
	if err != nil {
		return nil, err
	}
	if !from.IsValid() {
		return socket.RemoteAddr(), nil
	}
	return net.TCPAddrFromAddrPort(from), nil
}

// readProxyHeader returns the source address of either version's header, the
// zero value where there is none.
func readProxyHeader(r io.Reader) (netip.AddrPort, error) {
	start := make([]byte, len(proxySignature))
	if _, err := io.ReadFull(r, start); err != nil {
		return netip.AddrPort{}, err
	}
	if bytes.Equal(start, proxySignature) {
		return proxyVersion2(r)
	}
	if bytes.HasPrefix(start, []byte("PROXY ")) {
		return proxyVersion1(r, start)
	}
	return netip.AddrPort{}, errProxy
}

// proxyVersion1 reads the rest of a line such as
// "PROXY TCP4 192.0.2.1 198.51.100.1 50000 1935\r\n", byte by byte so as to stop
// behind it.
func proxyVersion1(r io.Reader, line []byte) (netip.AddrPort, error) {
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		if len(line) == maxProxyLine {
			return netip.AddrPort{}, errProxy
		}
		line = append(line, 0)
		if _, err := io.ReadFull(r, line[len(line)-1:]); err != nil {
			return netip.AddrPort{}, err
		}
	}
	fields := strings.Split(strings.TrimSuffix(string(line), "\r\n"), " ")
	if fields[1] == "UNKNOWN" {
		return netip.AddrPort{}, nil
	}
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return netip.AddrPort{}, errProxy
	}
	from, err := netip.ParseAddrPort(net.JoinHostPort(fields[2], fields[4]))
	if err != nil {
		return netip.AddrPort{}, errProxy
	}
	return from, nil
}

// proxyVersion2 reads what follows the signature.
func proxyVersion2(r io.Reader) (netip.AddrPort, error) {
	const local, proxied = 0x20, 0x21 // version and command
	const tcp4, tcp6 = 0x11, 0x21     // family and protocol
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return netip.AddrPort{}, err
	}
	size := int(binary.BigEndian.Uint16(head[2:]))
	if size > maxProxyBody || head[0] != local && head[0] != proxied {
		return netip.AddrPort{}, errProxy
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(r, body); err != nil {
		return netip.AddrPort{}, err
	}
	address, ports := 0, 0 // lengths
	switch {
	case head[0] == local:
		return netip.AddrPort{}, nil
	case head[1] == tcp4:
		address, ports = 4, 2
	case head[1] == tcp6:
		address, ports = 16, 2
	default:
		return netip.AddrPort{}, nil
	}
	if size < 2*(address+ports) {
		return netip.AddrPort{}, errProxy
	}
	from, _ := netip.AddrFromSlice(body[:address])
	return netip.AddrPortFrom(from.Unmap(), binary.BigEndian.Uint16(body[2*address:])), nil
}
